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
