import { describe, expect, it } from 'vitest';
import { formatSorting, parseSorting, RemoteRows, sorted } from './rows.svelte';

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

describe('rows from the server', () => {
	it('are asked for once more for whatever was heard while answers were awaited', async () => {
		const answers: ((rows: string[]) => void)[] = [];
		const rows = new RemoteRows<string>(() => new Promise((resolve) => answers.push((rows) => resolve({ rows, total: rows.length }))));
		rows.want(0, 1);
		rows.hear();
		rows.hear();
		expect(answers).toHaveLength(1);
		answers[0]?.(['old']);
		await expect.poll(() => answers.length).toBe(2);
		expect(rows.at(0)).toBe('old');
		answers[1]?.(['new']);
		await expect.poll(() => rows.at(0)).toBe('new');
		expect(answers).toHaveLength(2);
		rows.hear();
		expect(answers).toHaveLength(3);
	});
});
