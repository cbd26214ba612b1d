import { expect, it } from 'vitest';
import type { Slot } from '$lib/api/types';
import { elements, firstsOf, moveKind, slotTitle, slotWords } from './slots';

function slot(id: number, slot_type: Slot['slot_type'], slot_number: number, barcode = ''): Slot {
	return {
		id,
		library_id: 1,
		slot_number,
		slot_type,
		barcode,
		is_empty: barcode === '',
		accessible: true,
		name: '',
		tape_label: null,
		tape: null
	};
}

const full = slot(1, 'storage', 1024, 'A00001L9');
const empty = slot(2, 'storage', 1025);
const bay = slot(3, 'drive', 256);
const busy = slot(4, 'drive', 257, 'A00002L9');
const mail = slot(5, 'import_export', 16);
const firsts = firstsOf([full, empty, bay, busy, mail]);

it('knows what goes where', () => {
	expect(moveKind(full, bay)).toBe('load');
	expect(moveKind(busy, empty)).toBe('unload');
	expect(moveKind(full, mail)).toBe('transfer');
	expect(moveKind(full, busy)).toBeNull();
	expect(moveKind(empty, bay)).toBeNull();
	expect(moveKind(busy, bay)).toBeNull();
});

it('counts slots from one, and sorts them by what they are', () => {
	const titles = (slots: Slot[]) => slots.map((one) => slotTitle(one, firstsOf(slots)));
	expect(titles([mail, bay, busy, full, empty])).toEqual(['mail slot 1', 'drive bay 1', 'drive bay 2', 'slot 1', 'slot 2']);
	// Changers of other makers begin elsewhere.
	for (const first of [1, 1000, 1001, 4096]) expect(titles([slot(1, 'storage', first), slot(2, 'storage', first + 31)]), `from ${first}`).toEqual(['slot 1', 'slot 32']);
	const sorted = elements([full, empty, bay, busy, mail]);
	expect([sorted.storage.length, sorted.drives.length, sorted.mail.length]).toEqual([2, 2, 1]);
});

it('says in words what the picture shows', () => {
	expect(slotWords(empty, firsts)).toBe('slot 2: empty');
	expect(slotWords(full, firsts)).toContain('not in the catalog');
	expect(slotWords(slot(9, 'storage', 1030, 'CLN001L1'), firsts)).toContain('cleaning cartridge');
});
