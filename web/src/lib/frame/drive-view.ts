import { executionState, driveState, type State } from '$lib/components/states';
import type { Drive, Execution } from '$lib/api/types';
import { bytes } from '$lib/format/bytes';

/** A drive with what it does for whom: what the frame, the dashboard and the drives' page show. */
export interface DriveAtWork {
	drive: Drive;
	name: string;
	state: State;
	execution: Execution | null;
	/** Whether data is going through it right now. */
	streaming: boolean;
	/** The part of its tape that is written, 0 to 1. */
	position: number;
	/** One line: "writing documents", "waiting for tape A00012L9". */
	doing: string;
	speed: number;
}

/** Phases in which the tape moves with data. */
const STREAMING = new Set(['streaming', 'verifying', 'reading', 'restoring', 'copying', 'writing', 'scrubbing']);

/** Lays the running work over the drives. */
export function drivesAtWork(drives: Drive[], executions: Execution[]): DriveAtWork[] {
	return drives.map((drive) => {
		const execution = executions.find((run) => run.id === drive.execution_id) ?? null;
		const streaming = execution !== null && execution.status === 'running' && STREAMING.has(execution.phase);
		const progress = execution?.progress;
		const capacity = progress?.tape_capacity_bytes ?? 0;
		return {
			drive,
			name: driveName(drive),
			state: execution?.tape_change ? executionState(execution) : driveState(drive),
			execution,
			streaming,
			position: capacity > 0 ? Math.min(1, (progress?.tape_used_bytes ?? 0) / capacity) : 0,
			doing: doing(drive, execution),
			speed: execution?.write_speed ?? 0
		};
	});
}

export function driveName(drive: Pick<Drive, 'display_name' | 'device_path'>): string {
	return drive.display_name?.trim() ? drive.display_name : drive.device_path;
}

function doing(drive: Drive, execution: Execution | null): string {
	if (execution?.tape_change) return execution.tape_change.message;
	if (execution) return execution.title;
	if (drive.error_message) return drive.error_message;
	if (drive.current_tape) return drive.current_tape;
	if (drive.unknown_tape) return 'a tape that is not in the catalog';
	return drive.loaded ? 'a tape without a label' : 'no tape';
}

/** "182 MB/s", as two words that can be set in different sizes. */
export function speedWords(speed: number): [string, string] {
	if (speed <= 0) return ['0', 'MB/s'];
	const [figure = '', unit = ''] = bytes(speed).split(' ');
	return [figure, `${unit}/s`];
}
