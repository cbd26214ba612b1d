import { describe, expect, it } from 'vitest';
import { code39, isLtoBarcode } from './code39';

describe('Code 39', () => {
	it('has five bars a sign, and its start and stop', () => {
		const code = code39('A00012L9');
		expect(code?.bars).toHaveLength(10 * 5);
		// Every sign has three wide elements of nine: 6 + 3 × 2.75, with one narrow gap between signs.
		expect(code?.width).toBeCloseTo(10 * 14.25 + 9);
		expect(code?.bars[0]).toEqual({ x: 0, width: 1 });
	});
	it('refuses what it cannot write', () => {
		expect(code39('a')).toBeNull();
		expect(code39('A*')).toBeNull();
		expect(code39('Ä')).toBeNull();
	});
	it('has three wide elements in every sign, and no two signs alike', () => {
		const seen = new Set<string>();
		for (const sign of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789') {
			const code = code39(sign);
			expect(code?.width, sign).toBeCloseTo(3 * 14.25 + 2);
			seen.add(JSON.stringify(code?.bars));
		}
		expect(seen.size).toBe(36);
	});
});

it('knows the bar codes of LTO cartridges', () => {
	for (const good of ['A00012L9', 'CLN001L1', 'ABCDEFLA', '000001M8']) expect(isLtoBarcode(good), good).toBe(true);
	for (const bad of ['A00012', 'A0001L9', 'a00012l9', 'A00012L9X', '']) expect(isLtoBarcode(bad), bad).toBe(false);
});
