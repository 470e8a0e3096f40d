/** Moving a block by keyboard: arrows by 15 minutes or a room, Shift for its end, Enter confirms, Escape takes it back. */
import type { Block, Wish } from "./timelineBlocks";

const STEP_MS = 15 * 60_000;

export interface KeyMoves {
  rows: () => string[];
  show: (wish: Wish) => void;
  over: (wish: Wish | null) => void;
  confirm: (wish: Wish, revert: () => void) => void;
  open: (id: string) => void;
}

export function useKeyMoves(keys: KeyMoves) {
  let wish: Wish | null = null;
  let from: Block | null = null;

  const home = (block: Block): Wish => ({ id: block.id, room: block.room, from: block.from, until: block.until });

  function shifted(at: Wish, event: KeyboardEvent): Wish | null {
    const by = { ArrowLeft: -STEP_MS, ArrowRight: STEP_MS }[event.key];
    if (by !== undefined) {
      const until = new Date(at.until.getTime() + by);
      if (event.shiftKey) return until > at.from ? { ...at, until } : null;
      return { ...at, from: new Date(at.from.getTime() + by), until };
    }
    const rooms = keys.rows();
    const room = rooms[rooms.indexOf(at.room) + ({ ArrowUp: -1, ArrowDown: 1 }[event.key] ?? 0)];
    return room && room !== at.room ? { ...at, room } : null;
  }

  function back(block: Block) {
    if (!wish) return;
    wish = from = null;
    keys.show(home(block));
    keys.over(null);
  }

  function press(event: KeyboardEvent, block: Block, movable: boolean) {
    if (event.key === "Escape") return back(block);
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (!wish) return keys.open(block.id);
      const asked = wish;
      wish = from = null;
      return keys.confirm(asked, () => keys.show(home(block)));
    }
    if (!movable || !event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const next = shifted(wish ?? home(block), event);
    if (!next) return;
    [wish, from] = [next, block];
    keys.show(next);
    keys.over(next);
  }

  /** Showing a block elsewhere makes a new element, so focus is lost for a moment; only a real leave takes it back. */
  function leave(block: Block) {
    window.setTimeout(() => {
      const focused = document.activeElement as HTMLElement | null;
      if (from?.id === block.id && focused?.dataset.booking !== block.id) back(block);
    }, 150);
  }

  return { press, leave };
}
