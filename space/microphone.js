// The microphone, piece by piece and without a hole: the next piece holds all that was said while the last was judged.
const button = element.querySelector("button"), said = element.querySelector("[role=status]");
const level = element.querySelector("meter"), most = Number(element.querySelector(".dh-mic").dataset.seconds);
const PIECE_S = 0.5, LATE_S = 3, BEHIND_S = 30; // the first piece waits for the detector to be loaded
let context = null, tracks = [], held = [], heldSamples = 0, number = 0, asked = -1, began = 0, timer = 0;

const WORKLET = `registerProcessor("dh-ear", class extends AudioWorkletProcessor {
  process(inputs) { const [one] = inputs[0]; if (one) this.port.postMessage(one.slice()); return true; } });`;

const stop = (words) => {
  clearInterval(timer);
  tracks.forEach((track) => track.stop());
  if (context) context.close();
  [context, tracks, held, heldSamples] = [null, [], [], 0];
  button.setAttribute("aria-pressed", "false");
  button.textContent = "Record";
  level.value = 0;
  said.textContent = words;
  trigger("stop");
};

const answered = () => Number(document.querySelector("#live-heard [data-piece]")?.dataset.piece ?? -1) >= asked;

const send = () => {
  const seconds = heldSamples / context.sampleRate;
  if ((Date.now() - began) / 1000 > most) return stop(`Stopped after ${most / 60} minutes. Press Record to start anew.`);
  if (seconds > BEHIND_S) return stop("Stopped: the page's machine does not keep up. Try again when it is less busy.");
  const late = seconds > LATE_S ? `Listening; the reading is ${Math.round(seconds)} s behind.` : "Listening.";
  if (said.textContent !== late) said.textContent = late;
  if (seconds < PIECE_S || !answered()) return;
  const samples = new Int16Array(heldSamples);
  let at = 0;
  for (const block of held) for (const value of block) samples[at++] = Math.max(-1, Math.min(1, value)) * 32767;
  [held, heldSamples] = [[], 0];
  let text = "";
  const bytes = new Uint8Array(samples.buffer);
  for (let from = 0; from < bytes.length; from += 8192) text += String.fromCharCode(...bytes.subarray(from, from + 8192));
  asked = number++;
  trigger("input", { piece: asked, rate: context.sampleRate, pcm: btoa(text) });
};

const open = async () => {
  said.textContent = "Asking for the microphone.";
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    tracks = stream.getTracks();
    let source;
    try {
      context = new AudioContext({ sampleRate: 16000 });
      source = context.createMediaStreamSource(stream);
    } catch (error) { // a browser that does not change the rate: the page's machine does
      context = new AudioContext();
      source = context.createMediaStreamSource(stream);
    }
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" })));
    const ear = new AudioWorkletNode(context, "dh-ear");
    ear.port.onmessage = ({ data }) => {
      if (!context) return;
      held.push(data);
      heldSamples += data.length;
      level.value = Math.max(0.9 * level.value, ...data.map(Math.abs));
    };
    source.connect(ear);
    tracks[0].addEventListener("ended", () => context && stop("Stopped: the microphone was taken away."));
  } catch (error) {
    stop("");
    said.textContent = error.name === "NotAllowedError"
      ? "The browser may not use the microphone. Allow it beside the page's address, then press Record again."
      : "No microphone can be used here. Connect one, or open the page by https or on localhost.";
    return;
  }
  document.querySelector("#live-heard [data-piece]")?.removeAttribute("data-piece"); // of the stream before
  [number, asked, began] = [0, -1, Date.now()];
  button.setAttribute("aria-pressed", "true");
  button.textContent = "Stop";
  said.textContent = "Listening.";
  timer = setInterval(send, 100);
};

button.addEventListener("click", () => (context ? stop("Stopped. The last reading stands below.") : open()));
