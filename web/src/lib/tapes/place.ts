import type { TapeDetail } from '$lib/api/types';
import { slotName } from '$lib/library/slots';

/** Where a tape is, in words. */
export function placeWords(tape: Pick<TapeDetail, 'place' | 'slot_number' | 'drive_id' | 'offsite_location' | 'lost_at'>): string {
	switch (tape.place) {
		case 'drive':
			return `in drive ${tape.drive_id ?? ''}`.trim();
		case 'slot':
			return tape.slot_number === null || tape.slot_number === undefined ? 'in a slot' : `in slot ${slotName({ slot_number: tape.slot_number })}`;
		case 'offsite':
			return `${tape.lost_at ? 'lost, was ' : ''}${tape.offsite_location ? `away: ${tape.offsite_location}` : 'away'}`;
		default:
			return tape.lost_at ? 'lost' : 'on the shelf';
	}
}
