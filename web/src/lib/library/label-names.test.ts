import { expect, it } from 'vitest';
import { labelNames, labelProblem } from './label-names';

it('names tapes as the server will', () => {
	expect(labelNames('D-', 1, 3, 2)).toEqual(['D-001', 'D-002']);
	expect(labelNames('D', 8, 2, 10)).toEqual(['D08', 'D09', 'D10', '…', 'D17']);
});

it('says what is wrong before the server does', () => {
	expect(labelProblem('D', 1, 3, 999)).toBeUndefined();
	expect(labelProblem('D', 1, 3, 1000)).toContain('1000');
	expect(labelProblem('', 1, 3, 1)).toBeDefined();
	expect(labelProblem('D', 1, 7, 1)).toBeDefined();
	expect(labelProblem('D', Number.NaN, 3, 1)).toBeDefined();
});
