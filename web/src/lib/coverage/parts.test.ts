import { expect, it } from 'vitest';
import { isOld } from './parts';

it('a source is old when it was never backed up, or long ago', () => {
	const now = new Date('2026-11-21T12:00:00Z');
	expect(isOld({ last_backup_at: null }, 30, now)).toBe(true);
	expect(isOld({ last_backup_at: '2026-11-13T12:00:00Z' }, 7, now)).toBe(true);
	expect(isOld({ last_backup_at: '2026-11-15T12:00:00Z' }, 7, now)).toBe(false);
});
