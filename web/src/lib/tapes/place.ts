import type { Drive, TapeDetail } from '$lib/api/types';
import { driveName } from '$lib/frame/drive-view';
import { slotName } from '$lib/library/slots';

/** Where a tape is, in words; a drive by its name among `drives`. */
export function placeWords(tape: Pick<TapeDetail, 'place' | 'slot_number' | 'drive_id' | 'offsite_location' | 'lost_at'>, drives: Pick<Drive, 'id' | 'display_name' | 'device_path'>[]): string {
	switch (tape.place) {
		case 'drive': {
			const drive = drives.find((known) => known.id === tape.drive_id);
			return drive ? `in ${driveName(drive)}` : 'in a drive';
		}
		case 'slot':
			return tape.slot_number === null || tape.slot_number === undefined ? 'in a slot' : `in slot ${slotName({ slot_number: tape.slot_number })}`;
		case 'offsite':
			return `${tape.lost_at ? 'lost, was ' : ''}${tape.offsite_location ? `away: ${tape.offsite_location}` : 'away'}`;
		default:
			return tape.lost_at ? 'lost' : 'on the shelf';
	}
}
