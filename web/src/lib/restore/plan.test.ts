import { describe, expect, it, vi } from 'vitest';

vi.hoisted(() => {
	vi.stubGlobal('addEventListener', () => {});
	vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => {} });
});
const { body, destinationProblem, isAway, seconds } = await import('./plan');

const choices = { dest_path: ' /srv/restored ', destination_type: 'local', policy: 'keep', verify: true, only_this_set: false, drive_id: 2 };
const state = { set_id: 4, incomplete: false, decisions: new Map() } as never;

describe('a restore', () => {
	it('is asked for as it was chosen', () => {
		expect(body(state, choices)).toMatchObject({ backup_set_id: 4, dest_path: '/srv/restored', policy: 'keep', verify: true, only_this_set: false, drive_id: 2 });
	});
	it('takes nothing but the set itself where the set is incomplete', () => {
		expect(body({ set_id: 4, incomplete: true, decisions: new Map() } as never, choices).only_this_set).toBe(true);
	});
	it('takes as long as all its tapes, if that is known of all', () => {
		const plan = (...times: (number | null)[]) => ({ required_tapes: times.map((estimated_seconds) => ({ estimated_seconds })) }) as never;
		expect(seconds(plan(60, 30))).toBe(90);
		expect(seconds(plan(60, null))).toBeNull();
		expect(seconds(plan())).toBe(0);
	});
	it('needs a person for tapes that no robot can bring', () => {
		const kinds = ['drive', 'slot', 'shelf', 'offsite'].map((kind) => isAway({ place: { kind } } as never));
		expect(kinds).toEqual([false, false, true, true]);
	});
});

it('says what is wrong with a destination before the server does', () => {
	expect(destinationProblem('')).toBeUndefined();
	expect(destinationProblem('/srv/restored')).toBeUndefined();
	expect(destinationProblem('/srv/..hidden')).toBeUndefined();
	expect(destinationProblem('srv')).toContain('/srv/restored');
	expect(destinationProblem('/srv/../etc')).toContain('..');
});
