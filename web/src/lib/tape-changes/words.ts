import type { Drive, TapeChange } from '$lib/api/types';

/** What happens to the work when nobody brings the tape. */
export function ifCancelled(change: Pick<TapeChange, 'execution_kind' | 'current_tape_label'>): string {
	switch (change.execution_kind) {
		case 'backup':
		case 'copy':
		case 'database_backup':
			return 'The run ends. What is complete on tape up to now stays there; nothing that is missing will be written.';
		case 'restore':
		case 'verify':
		case 'scrub':
		case 'drill':
			return 'The run goes on without this tape and names the files that it could not bring.';
		default:
			return 'The run ends or goes on without this tape.';
	}
}

/** What a drive has to do with a request, in words. */
export function driveFor(drive: Pick<Drive, 'id' | 'enabled' | 'execution_id' | 'loaded' | 'current_tape' | 'unknown_tape'>): string {
	if (!drive.enabled) return 'switched off';
	const holds = drive.current_tape ? `holds ${drive.current_tape}` : drive.unknown_tape ? 'holds a tape that is not in the catalog' : 'holds a tape without a label';
	if (drive.execution_id) return drive.loaded ? `at work, ${holds}` : 'at work';
	return drive.loaded ? holds : 'empty';
}

/** The heading of a request: which tape. */
export function wanted(change: Pick<TapeChange, 'tape_label' | 'pool_name' | 'pool_id'>): string {
	if (change.pool_id === null || change.pool_id === undefined) return change.tape_label ? `Bring tape ${change.tape_label}` : 'Bring a tape';
	return change.tape_label ? `Bring tape ${change.tape_label}, or another of ${change.pool_name ?? 'its pool'}` : `Bring a tape of ${change.pool_name ?? 'the pool'}`;
}
