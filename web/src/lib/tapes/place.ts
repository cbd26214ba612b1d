import type { Drive, Slot, TapeDetail } from '$lib/api/types';
import { driveName } from '$lib/frame/drive-view';
import { firstsOf, slotTitle } from '$lib/library/slots';

type Placed = Pick<TapeDetail, 'place' | 'slot_number' | 'drive_id' | 'offsite_location' | 'lost_at'>;

/** Where a tape is, in words: a drive by its name among `drives`, a slot by its number among the `slots` of its library. */
export function placeWords(tape: Placed, drives: Pick<Drive, 'id' | 'display_name' | 'device_path'>[], slots: Slot[]): string {
	switch (tape.place) {
		case 'drive': {
			const drive = drives.find((known) => known.id === tape.drive_id);
			return drive ? `in ${driveName(drive)}` : 'in a drive';
		}
		case 'slot': {
			const slot = slots.find((known) => known.slot_number === tape.slot_number);
			return slot ? `in ${slotTitle(slot, firstsOf(slots))}` : 'in a slot';
		}
		case 'offsite':
			return `${tape.lost_at ? 'lost, was ' : ''}${tape.offsite_location ? `away: ${tape.offsite_location}` : 'away'}`;
		default:
			return tape.lost_at ? 'lost' : 'on the shelf';
	}
}
