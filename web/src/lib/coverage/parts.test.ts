import { expect, it } from 'vitest';
import { expiringNext, isOld, type Fate } from './parts';

it('a source is old when it was never backed up, or long ago', () => {
	const now = new Date('2026-11-21T12:00:00Z');
	expect(isOld({ last_backup_at: null }, 30, now)).toBe(true);
	expect(isOld({ last_backup_at: '2026-11-13T12:00:00Z' }, 7, now)).toBe(true);
	expect(isOld({ last_backup_at: '2026-11-15T12:00:00Z' }, 7, now)).toBe(false);
});

it('the tapes that expire next are those that are free, then by the day', () => {
	const tape = (id: number, more: Partial<Fate>): Fate => ({ id, label: `T${id}`, status: 'full', free: false, kept_sets: [], reusable: true, used_bytes: 1, ...more });
	const tapes = [tape(1, { until: '2027-01-01T00:00:00Z' }), tape(2, { until: null }), tape(3, { until: '2026-12-01T00:00:00Z' }), tape(4, { free: true })];
	expect(expiringNext(tapes, 3).map((one) => one.id)).toEqual([4, 3, 1]);
	expect(expiringNext(tapes, 1).map((one) => one.id)).toEqual([4]);
});
