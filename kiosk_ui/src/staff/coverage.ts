/** Coverage bars from a statement of completeness (`contract.completeness`). */

export interface Bar {
  camera: string;
  percent: number;
  gaps: { startUs: number; seconds: number; left: number; width: number; cause: string }[];
}

interface StatedGap {
  start_us: number;
  end_us: number;
  cause?: string;
}

interface StatedCamera {
  camera: string;
  from_us: number;
  until_us: number;
  gaps: StatedGap[];
}

function stated(statement: Record<string, unknown>): StatedCamera[] {
  const { cameras, from_us, until_us } = statement as { cameras?: unknown; from_us?: number; until_us?: number };
  if (!cameras || typeof cameras !== "object") return [];
  const rows = Array.isArray(cameras) ? cameras : Object.entries(cameras).map(([camera, row]) => ({ camera, ...(row as object) }));
  return rows.map((row: Record<string, unknown>) => ({
    camera: String(row.camera ?? row.id ?? ""),
    from_us: Number(row.from_us ?? from_us ?? 0),
    until_us: Number(row.until_us ?? until_us ?? 0),
    gaps: [...((row.gaps as StatedGap[]) ?? []), ...((row.declared as StatedGap[]) ?? []), ...((row.undeclared as StatedGap[]) ?? [])],
  }));
}

export function coverageOf(statement: Record<string, unknown> | null): Bar[] {
  if (!statement) return [];
  return stated(statement).map((row) => {
    const whole = Math.max(1, row.until_us - row.from_us);
    const gaps = row.gaps.map((gap) => ({
      startUs: gap.start_us,
      seconds: (gap.end_us - gap.start_us) / 1e6,
      left: ((gap.start_us - row.from_us) / whole) * 100,
      width: ((gap.end_us - gap.start_us) / whole) * 100,
      cause: gap.cause ?? "undeclared",
    }));
    const lost = gaps.reduce((sum, gap) => sum + gap.width, 0);
    // Rounded down: 100 means that nothing at all is missing.
    return { camera: row.camera, percent: Math.max(0, Math.floor((100 - lost) * 10) / 10), gaps };
  });
}
