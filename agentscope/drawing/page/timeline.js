// The way through an episode: slider, buttons, play, and a strip on which disagreements are marked.

const SPEEDS = [1, 2, 5, 10, 20]; // steps a second
const PAD = 8; // half a slider's thumb: the strip's ends lie under its ends

class Timeline {
  constructor(viewer) {
    this.viewer = viewer;
    this.speed = 5;
    this.timer = null;
    this.strip = make("canvas", {
      className: "as-strip", aria: {hidden: "true"}, title: "disagreements; a click goes there",
      on: {click: (event) => viewer.goTo({step: this.stepAt(event)})},
    });
    this.slider = make("input", {
      type: "range", min: 0, max: 0, step: 1, className: "as-slider", aria: {label: "step"},
      on: {input: () => viewer.goTo({step: Number(this.slider.value)})},
    });
    this.counter = make("output", {className: "as-counter"});
    this.element = make(
      "div", {className: "as-timeline"}, this.strip, this.slider,
      make("div", {className: "as-transport"}, ...this.buttons(), this.counter),
    );
    const redraw = () => this.draw();
    new ResizeObserver(redraw).observe(this.strip);
    window.addEventListener("agentscope:theme", redraw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  }

  buttons() {
    const viewer = this.viewer;
    this.playing = button("▶ play", () => this.toggle(), {className: "as-play", aria: {pressed: "false"}});
    const speeds = SPEEDS.map((each) => [each, `${each}/s`]);
    const speed = chooser("speed", speeds, (value) => { this.speed = Number(value); });
    speed.list.value = String(this.speed);
    const move = (text, label, act) => button(text, act, {title: label, aria: {label}});
    return [
      move("|←", "first step", () => viewer.goTo({step: 0})),
      move("←", "previous step", () => viewer.move(-1)),
      this.playing,
      move("→", "next step", () => viewer.move(1)),
      move("→|", "last step", () => viewer.goTo({step: viewer.last()})),
      move("‹≠", "previous disagreement", () => viewer.seek(-1)),
      move("≠›", "next disagreement", () => viewer.seek(1)),
      speed.element,
    ];
  }

  show(step, last, steps) {
    this.slider.max = last;
    this.slider.value = step;
    const told = step >= steps ? `the end, after ${count(steps, "step")}` : `step ${step} of ${steps}`;
    this.slider.setAttribute("aria-valuetext", told);
    write(this.counter, told);
    this.step = step;
    this.last = last;
    this.draw();
  }

  mark(differing, divergence) {
    this.differing = differing;
    this.divergence = divergence;
    this.draw();
  }

  draw() {
    const {width, height} = this.fit();
    const paint = this.strip.getContext("2d");
    paint.clearRect(0, 0, width, height);
    if (!width || this.last === undefined) return;
    const bar = (step, role, thick, top, bottom) => {
      paint.fillStyle = colour(role);
      paint.fillRect(this.place(step, width) - thick / 2, top, thick, bottom - top);
    };
    paint.fillStyle = colour("rule");
    paint.fillRect(PAD, height / 2 - 1, width - 2 * PAD, 2);
    // near-ties are short, real disagreements as high as the strip: shape tells them apart, not colour
    for (const [step, tie] of this.differing ?? []) {
      const space = tie ? height * 0.35 : 3;
      bar(step, "warn", 2, space, height - space);
    }
    if (typeof this.divergence === "number") bar(this.divergence, "bar", 5, 0, height);
    bar(this.step, "ink", 2, 0, height);
  }

  // The canvas has as many dots as the screen; the rest counts in CSS pixels.
  fit() {
    const width = this.strip.clientWidth;
    const height = this.strip.clientHeight;
    const dense = window.devicePixelRatio || 1;
    if (this.strip.width !== Math.round(width * dense)) {
      this.strip.width = Math.round(width * dense);
      this.strip.height = Math.round(height * dense);
    }
    this.strip.getContext("2d").setTransform(dense, 0, 0, dense, 0, 0);
    return {width, height};
  }

  place(step, width) {
    return PAD + (this.last ? step / this.last : 0) * (width - 2 * PAD);
  }

  stepAt(event) {
    const share = (event.offsetX - PAD) / Math.max(1, this.strip.clientWidth - 2 * PAD);
    const step = Math.round(Math.min(1, Math.max(0, share)) * this.last);
    // where many steps share a few pixels, the mark that was aimed at is meant
    const far = (each) => Math.abs(each - step);
    const near = [...(this.differing?.keys() ?? [])].filter((each) => this.last > 60 && far(each) <= this.last / 150);
    return near.sort((one, other) => far(one) - far(other))[0] ?? step;
  }

  toggle() {
    if (this.timer !== null) return this.pause();
    if (this.step >= this.last) this.viewer.goTo({step: 0});
    this.paintPlay(true);
    this.timer = setTimeout(() => this.tick(), 1000 / this.speed);
  }

  // The next step comes when the last one is drawn: a slow answer slows the film down and skips nothing.
  tick() {
    if (!this.viewer.waiting) this.viewer.move(1);
    if (this.step >= this.last) return this.pause();
    this.timer = setTimeout(() => this.tick(), 1000 / this.speed);
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = null;
    this.paintPlay(false);
  }

  paintPlay(on) {
    write(this.playing, on ? "‖ pause" : "▶ play");
    this.playing.setAttribute("aria-pressed", String(on));
    this.viewer.quiet(on);
  }
}
