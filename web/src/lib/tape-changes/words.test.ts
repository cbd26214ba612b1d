import { describe, expect, it } from 'vitest';
import { driveFor, ifCancelled, wanted } from './words';

const drive = { id: 1, enabled: true, execution_id: null, loaded: false, current_tape: null };

describe('a request for a tape', () => {
	it('names the tape, or the pool of which any will do', () => {
		expect(wanted({ tape_label: 'A00012L9', pool_id: null, pool_name: null })).toBe('Bring tape A00012L9');
		expect(wanted({ tape_label: 'A00012L9', pool_id: 3, pool_name: 'DAILY' })).toBe('Bring tape A00012L9, or another of DAILY');
		expect(wanted({ tape_label: null, pool_id: 3, pool_name: 'DAILY' })).toBe('Bring a tape of DAILY');
	});
	it('says of each drive what is in it', () => {
		expect(driveFor(drive)).toBe('empty');
		expect(driveFor({ ...drive, loaded: true, current_tape: 'A1' })).toBe('holds A1');
		expect(driveFor({ ...drive, loaded: true, unknown_tape: {} })).toBe('holds a tape that is not in the catalog');
		expect(driveFor({ ...drive, loaded: true, current_tape: 'A1', execution_id: 4 })).toBe('at work, holds A1');
		expect(driveFor({ ...drive, enabled: false })).toBe('switched off');
	});
	it('says what cancelling means for the work that waits', () => {
		expect(ifCancelled({ execution_kind: 'backup', current_tape_label: null })).toContain('The run ends.');
		expect(ifCancelled({ execution_kind: 'restore', current_tape_label: null })).toContain('goes on without this tape');
	});
});
