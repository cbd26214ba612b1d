import { describe, expect, it } from 'vitest';
import { formatSorting, parseSorting, sorted } from './rows.svelte';

describe('sorting', () => {
	it('sorts words as people do', () => {
		expect(sorted(['T10', 't2', 'T1'], (row) => row, false)).toEqual(['T1', 't2', 'T10']);
	});
	it('keeps what has no value last, up and down', () => {
		const rows = [null, 3, 1, undefined, 2];
		expect(sorted(rows, (row) => row, false)).toEqual([1, 2, 3, null, undefined]);
		expect(sorted(rows, (row) => row, true)).toEqual([3, 2, 1, null, undefined]);
	});
	it('is written into the address and read from it', () => {
		for (const text of ['', 'used', '-used']) expect(formatSorting(parseSorting(text))).toBe(text);
	});
});
