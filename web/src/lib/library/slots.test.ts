import { expect, it } from 'vitest';
import type { Slot } from '$lib/api/types';
import { elements, moveKind, slotName, slotWords } from './slots';

function slot(id: number, slot_type: Slot['slot_type'], slot_number: number, barcode = ''): Slot {
	return {
		id,
		library_id: 1,
		slot_number,
		slot_type,
		barcode,
		is_empty: barcode === '',
		accessible: true,
		tape_label: null,
		tape: null
	};
}

const full = slot(1, 'storage', 1024, 'A00001L9');
const empty = slot(2, 'storage', 1025);
const bay = slot(3, 'drive', 256);
const busy = slot(4, 'drive', 257, 'A00002L9');
const mail = slot(5, 'import_export', 16);

it('knows what goes where', () => {
	expect(moveKind(full, bay)).toBe('load');
	expect(moveKind(busy, empty)).toBe('unload');
	expect(moveKind(full, mail)).toBe('transfer');
	expect(moveKind(full, busy)).toBeNull();
	expect(moveKind(empty, bay)).toBeNull();
	expect(moveKind(busy, bay)).toBeNull();
});

it('counts slots from one, and sorts them by what they are', () => {
	expect(slotName(full)).toBe('1');
	expect(slotName(mail)).toBe('16');
	const sorted = elements([full, empty, bay, busy, mail]);
	expect([sorted.storage.length, sorted.drives.length, sorted.mail.length]).toEqual([2, 2, 1]);
});

it('says in words what the picture shows', () => {
	expect(slotWords(empty)).toBe('slot 2: empty');
	expect(slotWords(full)).toContain('not in the catalog');
	expect(slotWords(slot(9, 'storage', 1030, 'CLN001L1'))).toContain('cleaning cartridge');
});
