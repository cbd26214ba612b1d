import { expect, it } from 'vitest';
import { lossOf } from './loss';

const set = (id: number, more: Partial<Parameters<typeof lossOf>[1][number]> = {}) => ({ id, uuid: `u${id}`, copy_of: null, parent_set_id: null, status: 'completed' as const, lost_tapes: [], ...more });

it('what builds on a lost set is lost, on whatever tape it is', () => {
	const chain = [set(3, { parent_set_id: 2 }), set(2, { parent_set_id: 1 }), set(1), set(4)];
	expect(lossOf([1], chain)).toEqual({ lost: [1, 3, 2].sort(), copied: [] });
	expect(lossOf([2], chain).lost.sort()).toEqual([2, 3]);
	expect(lossOf([4], chain).lost).toEqual([4]);
});

it('a copy on another tape saves a set, and what builds on it; not if the copy is on this tape or on a lost one', () => {
	const sets = (copy: object) => [set(1), set(2, { parent_set_id: 1 }), set(5, { copy_of: 'u1', ...copy })];
	expect(lossOf([1], sets({}))).toEqual({ lost: [], copied: [1] });
	expect(lossOf([1, 5], sets({})).lost.sort()).toEqual([1, 2, 5]);
	expect(lossOf([1], sets({ lost_tapes: ['T9'] })).lost.sort()).toEqual([1, 2, 5]);
	expect(lossOf([1], sets({ status: 'running' })).lost.sort()).toEqual([1, 2]);
});

it('what is lost already is not lost again', () => {
	expect(lossOf([2], [set(1, { lost_tapes: ['T9'] }), set(2), set(3, { parent_set_id: 1 })]).lost).toEqual([2]);
});
