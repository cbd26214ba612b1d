/** Code 39: nine elements a character, bar and space in turn; w is wide, n is narrow (ISO/IEC 16388). */
const PATTERNS: Record<string, string> = {
	'0': 'nnnwwnwnn', '1': 'wnnwnnnnw', '2': 'nnwwnnnnw', '3': 'wnwwnnnnn', '4': 'nnnwwnnnw',
	'5': 'wnnwwnnnn', '6': 'nnwwwnnnn', '7': 'nnnwnnwnw', '8': 'wnnwnnwnn', '9': 'nnwwnnwnn',
	A: 'wnnnnwnnw', B: 'nnwnnwnnw', C: 'wnwnnwnnn', D: 'nnnnwwnnw', E: 'wnnnwwnnn',
	F: 'nnwnwwnnn', G: 'nnnnnwwnw', H: 'wnnnnwwnn', I: 'nnwnnwwnn', J: 'nnnnwwwnn',
	K: 'wnnnnnnww', L: 'nnwnnnnww', M: 'wnwnnnnwn', N: 'nnnnwnnww', O: 'wnnnwnnwn',
	P: 'nnwnwnnwn', Q: 'nnnnnnwww', R: 'wnnnnnwwn', S: 'nnwnnnwwn', T: 'nnnnwnwwn',
	U: 'wwnnnnnnw', V: 'nwwnnnnnw', W: 'wwwnnnnnn', X: 'nwnnwnnnw', Y: 'wwnnwnnnn',
	Z: 'nwwnwnnnn', '*': 'nwnnwnwnn'
};
/** How much wider a wide element is: LTO labels use 2.75. */
const WIDE = 2.75;
/** Between two characters, in narrow elements. */
const GAP = 1;

export interface Bar {
	x: number;
	width: number;
}

/** Six letters or digits and the two of the medium: A00012L9. */
export function isLtoBarcode(text: string): boolean {
	return /^[A-Z0-9]{6}(L[1-9A-Z]|M8|LT|LU|LV|LW|LX|LY|LZ)$/.test(text);
}

/** The bars of a text with its start and stop signs, and how wide all is, both in narrow elements. None if it has other signs. */
export function code39(text: string): { bars: Bar[]; width: number } | null {
	const bars: Bar[] = [];
	let x = 0;
	for (const sign of `*${text}*`) {
		const pattern = PATTERNS[sign];
		if (pattern === undefined) return null;
		if (x > 0) x += GAP;
		[...pattern].forEach((element, at) => {
			const width = element === 'w' ? WIDE : 1;
			if (at % 2 === 0) bars.push({ x, width });
			x += width;
		});
	}
	return text.includes('*') ? null : { bars, width: x };
}
