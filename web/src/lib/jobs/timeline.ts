const MARKS: readonly (readonly [number, string])[] = [
	[0, 'today'],
	[7, '1 week'],
	[30, '1 month'],
	[182, '6 months'],
	[365, '1 year'],
	[5 * 365, '5 years'],
	[10 * 365, '10 years']
];

/** Where an age lies between today (0) and the longest (1); the last days have more room than the first years. */
export function place(days: number, longest: number): number {
	return longest > 0 ? Math.min(1, Math.log1p(Math.max(0, days)) / Math.log1p(longest)) : 0;
}

/** Words below a timeline that reaches back so many days. */
export function marks(longest: number): { place: number; words: string }[] {
	return MARKS.filter(([days]) => days === 0 || days <= longest * 1.02).map(([days, words]) => ({ place: place(days, longest), words }));
}
