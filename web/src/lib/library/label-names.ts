const SHOWN = 3;

/** What is wrong with a series of labels; nothing if the server will take it. */
export function labelProblem(prefix: string, start: number, digits: number, count: number): string | undefined {
	if (prefix.trim() === '') return 'Say what the labels begin with.';
	if (!Number.isInteger(start) || start < 0) return 'The first number is a whole number.';
	if (!Number.isInteger(digits) || digits < 1 || digits > 6) return 'Between 1 and 6 digits.';
	if (!Number.isInteger(count) || count < 1 || count > 1000) return 'Between 1 and 1000 tapes.';
	const last = start + count - 1;
	if (last >= 10 ** digits) return `The last number, ${last}, has more than ${digits} digits.`;
	return undefined;
}

/** The first labels of a series and the last. */
export function labelNames(prefix: string, start: number, digits: number, count: number): string[] {
	const name = (number: number) => prefix + String(number).padStart(digits, '0');
	if (count <= SHOWN + 1) return Array.from({ length: count }, (_, at) => name(start + at));
	return [...Array.from({ length: SHOWN }, (_, at) => name(start + at)), '…', name(start + count - 1)];
}
