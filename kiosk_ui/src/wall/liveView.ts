/** One live picture: an offer, an answer, and the server's own word about the frames it sends. */
import { onScopeDispose, reactive, type Ref } from "vue";
import { endView, startView } from "../api/calls";

const ICE_MS = 500;
/** Frames come at least twice a second's report; after this without a new one the picture no longer counts as live. */
const STILL_MS = 2500;
const RETRY_MS = [1000, 2000, 4000, 8000];

export type LiveState = "connecting" | "live" | "stopped" | "failed";

export interface Live {
  state: LiveState;
  /** Time of the last frame, microseconds since 1970: the clock of the picture. */
  frameUs: number | null;
  frames: number;
  sound: number;
  /** Local time at which the last new frame was reported. */
  seenAt: number;
  /** False when the camera sends no sound. */
  hasSound: boolean;
}

interface Report {
  frame_us: number | null;
  n: number;
  sound: number | null;
}

function gathered(peer: RTCPeerConnection): Promise<void> {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((done) => {
    const timer = window.setTimeout(done, ICE_MS);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState !== "complete") return;
      window.clearTimeout(timer);
      done();
    });
  });
}

/** H.264 first: the pictures are the camera's own, nothing on site re-encodes them. */
function prefer(transceiver: RTCRtpTransceiver, kind: "video" | "audio", mime: string) {
  const codecs = RTCRtpReceiver.getCapabilities(kind)?.codecs ?? [];
  const first = codecs.filter((codec) => codec.mimeType.toLowerCase() === mime);
  if (first.length > 0) transceiver.setCodecPreferences([...first, ...codecs.filter((codec) => !first.includes(codec))]);
}

export function useLiveView(camera: string, video: Ref<HTMLVideoElement | null>) {
  const live = reactive<Live>({ state: "connecting", frameUs: null, frames: 0, sound: 0, seenAt: Date.now(), hasSound: true });
  let peer: RTCPeerConnection | null = null;
  let view: string | null = null;
  let gone = false;
  let tries = 0;
  let retry = 0;

  function hear(message: MessageEvent) {
    const report = JSON.parse(String(message.data)) as Report;
    if (report.n !== live.frames && report.frame_us) {
      live.seenAt = Date.now();
      live.frameUs = report.frame_us;
      live.state = "live";
      tries = 0;
    }
    live.frames = report.n;
    live.sound = report.sound ?? 0;
    live.hasSound = report.sound !== null;
  }

  function open(): RTCPeerConnection {
    const made = new RTCPeerConnection();
    prefer(made.addTransceiver("video", { direction: "recvonly" }), "video", "video/h264");
    prefer(made.addTransceiver("audio", { direction: "recvonly" }), "audio", "audio/pcma");
    // The channel must be in the offer; the server speaks on it, or opens one of the same name.
    made.createDataChannel("clock").addEventListener("message", hear);
    made.addEventListener("datachannel", (event) => event.channel.addEventListener("message", hear));
    const stream = new MediaStream();
    made.addEventListener("track", (event) => {
      stream.addTrack(event.track);
      if (video.value && video.value.srcObject !== stream) video.value.srcObject = stream;
    });
    made.addEventListener("connectionstatechange", () => {
      if (made === peer && ["failed", "closed"].includes(made.connectionState)) again();
    });
    return made;
  }

  async function connect() {
    const made = open();
    peer = made;
    try {
      await made.setLocalDescription(await made.createOffer());
      await gathered(made);
      const answer = await startView(camera, made.localDescription?.sdp ?? "");
      if (gone || peer !== made) return void endView(answer.view).catch(() => undefined);
      view = answer.view;
      await made.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    } catch {
      if (peer === made) again();
    }
  }

  function drop() {
    const [oldPeer, oldView] = [peer, view];
    peer = view = null;
    oldPeer?.close();
    if (oldView) void endView(oldView).catch(() => undefined);
  }

  function again() {
    if (gone) return;
    drop();
    live.state = live.frameUs === null ? "failed" : "stopped";
    window.clearTimeout(retry);
    retry = window.setTimeout(() => void connect(), RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
    tries += 1;
  }

  const watchdog = window.setInterval(() => {
    const still = Date.now() - live.seenAt;
    if (live.state === "live" && still > STILL_MS) live.state = "stopped";
    if (peer && still > 15_000 && live.state !== "live") {
      live.seenAt = Date.now();
      again();
    }
  }, 500);

  function stop() {
    gone = true;
    window.clearInterval(watchdog);
    window.clearTimeout(retry);
    drop();
  }

  void connect();
  onScopeDispose(stop);
  return live;
}
