import { describe, expect, it } from 'vitest';
import type { Progress } from '$lib/api/types';
import { amount, goal, share } from './amount';

const run = (bytes_processed: number, bytes_total: number, expected_bytes: number) => ({
	bytes_processed,
	bytes_total,
	progress: { expected_bytes } as Progress
});

describe('how far a run is', () => {
	it('says what is known', () => {
		const known = run(430e6, 1e9, 0);
		expect([goal(known), share(known), amount(known)]).toEqual([1e9, '43 %', '430 MB of 1.00 GB']);
	});

	it('says what the last full backup lets expect, and that it is that', () => {
		const guessed = run(430e6, 0, 1e9);
		expect([goal(guessed), share(guessed), amount(guessed)]).toEqual([1e9, 'about 43 %', '430 MB of about 1.00 GB']);
	});

	it('says nothing that nobody knows', () => {
		const unknown = run(430e6, 0, 0);
		expect([goal(unknown), share(unknown), amount(unknown)]).toEqual([0, '', '430 MB']);
		const { progress: _, ...without } = unknown;
		expect([goal(without), amount(without)]).toEqual([0, '430 MB']);
	});
});
