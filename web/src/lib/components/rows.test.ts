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
	it('are let go of when they are far from what is seen, and asked for again', async () => {
		const asked: number[] = [];
		const rows = new RemoteRows<number>((offset, limit) => {
			asked.push(offset);
			return Promise.resolve({ rows: Array.from({ length: limit }, (_, at) => offset + at), total: 100_000 });
		});
		for (let from = 0; from < 50_000; from += 100) {
			rows.want(from, from + 40);
			await expect.poll(() => rows.at(from)).toBe(from);
		}
		expect(rows.at(49_950), 'what is in view').toBe(49_950);
		expect(rows.at(0), 'the beginning').toBeUndefined();
		const kept = Array.from({ length: 500 }, (_, page) => rows.at(page * 100)).filter((row) => row !== undefined);
		expect(kept).toHaveLength(20);
		rows.want(0, 40);
		await expect.poll(() => rows.at(0)).toBe(0);
		expect(asked.filter((offset) => offset === 0)).toHaveLength(2);
		// News: what is in view is asked for again, wherever one was before.
		asked.length = 0;
		rows.refresh();
		expect(asked).toContain(0);
		expect(asked.length).toBeLessThanOrEqual(3);
	});
});
