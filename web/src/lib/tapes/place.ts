import type { TapeDetail } from '$lib/api/types';

/** Where a tape is, in words. */
export function placeWords(tape: Pick<TapeDetail, 'place' | 'slot_number' | 'drive_id' | 'offsite_location'>): string {
	switch (tape.place) {
		case 'drive':
			return `in drive ${tape.drive_id ?? ''}`.trim();
		case 'slot':
			return `in slot ${tape.slot_number ?? ''}`.trim();
		case 'offsite':
			return tape.offsite_location ? `away: ${tape.offsite_location}` : 'away';
		default:
			return 'on the shelf';
	}
}
