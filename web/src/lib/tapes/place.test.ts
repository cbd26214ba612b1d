import { expect, it } from 'vitest';
import { placeWords } from './place';

const drives = [{ id: 2, display_name: 'Left drive', device_path: '/dev/nst1' }];

it('says where a tape is, with slots as the library shows them', () => {
	expect(placeWords({ place: 'slot', slot_number: 1024 }, drives)).toBe('in slot 1');
	expect(placeWords({ place: 'drive', drive_id: 2 }, drives)).toBe('in Left drive');
	expect(placeWords({ place: 'drive', drive_id: 3 }, drives), 'a drive that is not known yet').toBe('in a drive');
	expect(placeWords({ place: 'offsite', offsite_location: 'Bank' }, drives)).toBe('away: Bank');
	expect(placeWords({ place: 'shelf' }, drives)).toBe('on the shelf');
});

it('does not say that a lost tape is where it was', () => {
	const lost_at = '2026-11-21T12:00:00Z';
	expect(placeWords({ place: 'shelf', lost_at }, drives)).toBe('lost');
	expect(placeWords({ place: 'offsite', offsite_location: 'Bank', lost_at }, drives)).toBe('lost, was away: Bank');
	expect(placeWords({ place: 'slot', slot_number: 3, lost_at }, drives)).toBe('in slot 3');
});
