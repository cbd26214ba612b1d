import { expect, it } from 'vitest';
import type { Slot } from '$lib/api/types';
import { placeWords } from './place';

const drives = [{ id: 2, display_name: 'Left drive', device_path: '/dev/nst1' }];
const at = (slot_number: number, slot_type: Slot['slot_type'] = 'storage'): Slot => ({ id: slot_number, library_id: 1, slot_number, slot_type, barcode: '', is_empty: true, accessible: true, name: '', tape_label: null, tape: null });
const slots = [at(16, 'import_export'), at(4096), at(4097), at(4098)];

it('says where a tape is, with slots as the library shows them', () => {
	expect(placeWords({ place: 'slot', slot_number: 4098 }, drives, slots)).toBe('in slot 3');
	expect(placeWords({ place: 'slot', slot_number: 16 }, drives, slots)).toBe('in mail slot 1');
	expect(placeWords({ place: 'slot', slot_number: 4098 }, drives, []), 'slots that are not known yet').toBe('in a slot');
	expect(placeWords({ place: 'drive', drive_id: 2 }, drives, slots)).toBe('in Left drive');
	expect(placeWords({ place: 'drive', drive_id: 3 }, drives, slots), 'a drive that is not known yet').toBe('in a drive');
	expect(placeWords({ place: 'offsite', offsite_location: 'Bank' }, drives, slots)).toBe('away: Bank');
	expect(placeWords({ place: 'shelf' }, drives, slots)).toBe('on the shelf');
});

it('does not say that a lost tape is where it was', () => {
	const lost_at = '2026-11-21T12:00:00Z';
	expect(placeWords({ place: 'shelf', lost_at }, drives, slots)).toBe('lost');
	expect(placeWords({ place: 'offsite', offsite_location: 'Bank', lost_at }, drives, slots)).toBe('lost, was away: Bank');
	expect(placeWords({ place: 'slot', slot_number: 4098, lost_at }, drives, slots)).toBe('in slot 3');
});
