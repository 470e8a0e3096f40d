/** What the timeline draws, and the step between the calendar's wall-clock dates and instants. */
import { fromVenueTime } from "../ui/time";
import type { Tone } from "./words";

export interface Row {
  id: string;
  name: string;
  more: string;
  ill: boolean;
}

export interface Block {
  id: string;
  room: string;
  from: Date;
  until: Date;
  blockedFrom: Date;
  blockedUntil: Date;
  title: string;
  more: string;
  stateWord: string;
  tone: Tone;
  movable: boolean;
}

/** Where somebody would like a booking to be. */
export interface Wish {
  id: string;
  room: string;
  from: Date;
  until: Date;
}

const two = (n: number) => String(n).padStart(2, "0");

/** The calendar hands out dates whose local fields are the venue's wall clock, whatever the browser's zone. */
export function fromWall(wall: Date): Date {
  const day = `${wall.getFullYear()}-${two(wall.getMonth() + 1)}-${two(wall.getDate())}`;
  return fromVenueTime(`${day}T${two(wall.getHours())}:${two(wall.getMinutes())}`);
}

function line(tag: "b" | "span", text: string): HTMLElement {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

/** Hatched time before or after, which is blocked too; its width is a share of the block's own. */
function buffer(block: Block, before: boolean): HTMLElement {
  const whole = block.until.getTime() - block.from.getTime();
  const blocked = before ? block.from.getTime() - block.blockedFrom.getTime() : block.blockedUntil.getTime() - block.until.getTime();
  const element = document.createElement("i");
  element.className = "block-buffer";
  element.style.width = `${(blocked / whole) * 100}%`;
  element.style[before ? "right" : "left"] = "100%";
  return element;
}

export function blockContent(block: Block): HTMLElement {
  const face = document.createElement("div");
  face.className = "block-face";
  face.append(line("b", block.title), line("span", block.more), line("span", block.stateWord));
  const box = document.createElement("div");
  box.className = "block-box";
  box.append(buffer(block, true), face, buffer(block, false));
  return box;
}
