import { expect, it } from 'vitest';
import { placeWords } from './place';

it('says where a tape is, with slots as the library shows them', () => {
	expect(placeWords({ place: 'slot', slot_number: 1024 })).toBe('in slot 1');
	expect(placeWords({ place: 'drive', drive_id: 2 })).toBe('in drive 2');
	expect(placeWords({ place: 'offsite', offsite_location: 'Bank' })).toBe('away: Bank');
	expect(placeWords({ place: 'shelf' })).toBe('on the shelf');
});

it('does not say that a lost tape is where it was', () => {
	const lost_at = '2026-11-21T12:00:00Z';
	expect(placeWords({ place: 'shelf', lost_at })).toBe('lost');
	expect(placeWords({ place: 'offsite', offsite_location: 'Bank', lost_at })).toBe('lost, was away: Bank');
	expect(placeWords({ place: 'slot', slot_number: 3, lost_at })).toBe('in slot 3');
});
