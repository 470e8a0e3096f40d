/** Coverage bars from a statement of completeness (`contract.completeness`). */

export interface Bar {
  camera: string;
  percent: number;
  gaps: { startUs: number; seconds: number; left: number; width: number; cause: string }[];
}

interface Span {
  start_us: number;
  end_us: number;
}

interface Statement {
  windows?: Span[];
  cameras?: Record<string, { gaps_declared: (Span & { cause: string })[]; gaps_undeclared: Span[] }>;
}

/**
 * One bar a camera over the session's windows, from first to last. A gap without a cause was not declared; while the
 * session runs it is only what has not arrived yet, which is nothing wrong.
 */
export function coverageOf(statement: Record<string, unknown> | null, closed: boolean): Bar[] {
  const { windows = [], cameras = {} } = (statement ?? {}) as Statement;
  const from = Math.min(...windows.map((span) => span.start_us));
  const whole = Math.max(1, Math.max(...windows.map((span) => span.end_us)) - from);
  return Object.entries(cameras).map(([camera, row]) => {
    const undeclared = row.gaps_undeclared.map((gap) => ({ ...gap, cause: closed ? "undeclared" : "pending" }));
    const gaps = [...row.gaps_declared, ...undeclared].map((gap) => ({
      startUs: gap.start_us,
      seconds: (gap.end_us - gap.start_us) / 1e6,
      left: ((gap.start_us - from) / whole) * 100,
      width: ((gap.end_us - gap.start_us) / whole) * 100,
      cause: gap.cause,
    }));
    const lost = gaps.reduce((sum, gap) => sum + gap.width, 0);
    // Rounded down: 100 means that nothing at all is missing.
    return { camera, percent: Math.max(0, Math.floor((100 - lost) * 10) / 10), gaps };
  });
}
