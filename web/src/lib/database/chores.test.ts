import { expect, it } from 'vitest';
import { checkOf } from './chores';

it('reads what the last check found', () => {
	const check = { kind: 'quick_check', ok: false, problems: ['page 7'], at: '2026-11-20T22:00:00Z', seconds: 1.5 };
	expect(checkOf(check)).toEqual(check);
	expect(checkOf({ ok: true, at: '2026-11-20T22:00:00Z' })?.problems).toEqual([]);
	expect(checkOf(null)).toBeUndefined();
	expect(checkOf({ error: 'locked' })).toBeUndefined();
});
