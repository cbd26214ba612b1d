/** Rows above and below the window that are there already when one scrolls. */
const MARGIN = 12;

/**
 * Which rows of a list are to be drawn: those in the window and some around it.
 * `scrolled`: how far the list's top is above the window's.
 */
export function visibleRange(
	scrolled: number,
	windowHeight: number,
	rowHeight: number,
	total: number
): { from: number; to: number } {
	const first = Math.floor(Math.max(0, scrolled) / rowHeight);
	const count = Math.ceil(windowHeight / rowHeight);
	const from = Math.max(0, Math.min(first, total) - MARGIN);
	return { from, to: Math.min(total, first + count + MARGIN) };
}

/** The height of a row after another look: borders and a line more here and there do not make the list jump. */
export function steadyHeight(known: number, measured: number): number {
	return Math.abs(measured - known) > Math.max(1, known / 10) ? measured : known;
}
