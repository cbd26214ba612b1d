import { expect, it } from 'vitest';
import type { Schemas } from '$lib/api/types';
import { listed, partsOf } from './incomplete';

const part = (part_number: number, tape_label: string) => ({ part_number, tape_label }) as Schemas['SetPartListed'];

it('the parts of a set that are missing are named', () => {
	expect(partsOf({ parts: [part(3, 'C'), part(1, 'A')], parts_expected: 4 })).toEqual({ there: [{ number: 1, tape: 'A' }, { number: 3, tape: 'C' }], missing: [2, 4], expected: 4 });
	expect(partsOf({ parts: [part(2, 'B')], parts_expected: null }).missing).toEqual([1]);
	expect(partsOf({ parts: [], parts_expected: null })).toEqual({ there: [], missing: [], expected: null });
	expect([listed([2]), listed([2, 3]), listed([2, 3, 5])]).toEqual(['2', '2 and 3', '2, 3 and 5']);
});
