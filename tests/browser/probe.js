// What the player's test adds to its page: the test pattern's code (libcommon/frame/pattern_code.h) read from each
// picture when it is shown, and a log of what is appended. An expression: evaluates to true.
(window.probe ??= (() => {
  const kColumns = 32, kRows = 4, kWidth = 640, kHeight = 360;
  const canvas = document.createElement("canvas");
  canvas.width = kWidth;
  canvas.height = kHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });

  function crc32(words) {
    let crc = 0xffffffff;
    for (const word of words) {
      for (let shift = 24; shift >= 0; shift -= 8) {
        crc ^= word >>> shift & 0xff;
        for (let bit = 0; bit < 8; ++bit) crc = crc >>> 1 ^ (crc & 1 ? 0xedb88320 : 0);
      }
    }
    return ~crc >>> 0;
  }

  // {number, clock (ms of CLOCK_MONOTONIC)} of a picture, or null when its check sum is wrong.
  function read(source) {
    context.drawImage(source, 0, 0, kWidth, kHeight);
    const pixels = context.getImageData(0, 0, kWidth, kHeight / 6).data, words = [];
    for (let row = 0; row < kRows; ++row) {
      let word = 0;
      for (let column = 0; column < kColumns; ++column) {
        const x = (column + 0.5) * kWidth / kColumns | 0, y = (row + 0.5) * kHeight / 24 | 0;
        word = word << 1 | (pixels[4 * (y * kWidth + x) + 1] > 127 ? 1 : 0);
      }
      words.push(word >>> 0);
    }
    if (crc32(words.slice(0, 3)) !== words[3]) return null;
    return { number: words[0], clock: (words[1] * 2 ** 32 + words[2]) / 1e6 };
  }

  // The lower left corner, where the overlay is: its pixels' greens.
  function corner(source) {
    context.drawImage(source, 0, 0, kWidth, kHeight);
    const pixels = context.getImageData(0, kHeight * 0.88, kWidth / 3, kHeight * 0.12).data, luma = [];
    for (let i = 0; i < pixels.length; i += 4) luma.push(pixels[i + 1]);
    return luma;
  }

  // From now on: shown[i] has what video i showed and when (wall clock, ms).
  const shown = [], watched = new WeakSet();
  function watch(video, index) {
    shown[index] ??= [];
    if (watched.has(video)) return;
    watched.add(video);
    const next = () => video.requestVideoFrameCallback((now, frame) => {
      shown[index] ??= [];  // emptied meanwhile
      shown[index].push({ ...read(video), at: performance.timeOrigin + frame.expectedDisplayTime, time: frame.mediaTime });
      if (video.isConnected) next();
    });
    next();
  }

  // When what two videos show at one instant was captured, ms, for each new picture of the first.
  function both(milliseconds) {
    const [first, second] = document.querySelectorAll("video"), pairs = [];
    return new Promise((done) => {
      setTimeout(done, milliseconds, pairs);
      const next = () => first.requestVideoFrameCallback(() => {
        const pair = [read(first)?.clock, read(second)?.clock];
        if (pair.every(Boolean)) pairs.push(pair);
        next();
      });
      next();
    });
  }

  const appended = [], events = [], original = SourceBuffer.prototype.appendBuffer;
  SourceBuffer.prototype.appendBuffer = function (bytes) {
    appended.push({ at: performance.now(), box: String.fromCharCode(...bytes.subarray(4, 8)) });
    return original.call(this, bytes);
  };
  for (const name of ["waiting", "seeking"]) document.addEventListener(name, () => events.push(name), true);

  // How long it takes from a click on a view to the first frame of what it shows, which comes after its init segment.
  async function click(view) {
    const start = performance.now(), from = appended.length;
    document.querySelector(`button[value=${view}]`).click();
    while (performance.now() < start + 10000) {
      const init = appended.findIndex((item, i) => i >= from && item.box === "ftyp");
      const frame = init < 0 ? null : appended.slice(init + 1).find((item) => item.box !== "ftyp");
      if (frame) return frame.at - start;
      await new Promise((done) => setTimeout(done, 2));
    }
    return null;
  }

  return { read, corner, watch, both, shown, events, click };
})()) && true;
