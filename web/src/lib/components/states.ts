import type { Component } from 'svelte';
import Ban from '@lucide/svelte/icons/ban';
import CircleAlert from '@lucide/svelte/icons/circle-alert';
import CircleCheck from '@lucide/svelte/icons/circle-check';
import CircleDashed from '@lucide/svelte/icons/circle-dashed';
import CirclePause from '@lucide/svelte/icons/circle-pause';
import CirclePlay from '@lucide/svelte/icons/circle-play';
import CircleX from '@lucide/svelte/icons/circle-x';
import Circle from '@lucide/svelte/icons/circle';
import Clock from '@lucide/svelte/icons/clock';
import Disc from '@lucide/svelte/icons/disc-2';
import DiscFull from '@lucide/svelte/icons/disc';
import Hand from '@lucide/svelte/icons/hand';
import Info from '@lucide/svelte/icons/info';
import SearchX from '@lucide/svelte/icons/search-x';
import Truck from '@lucide/svelte/icons/truck';
import TimerOff from '@lucide/svelte/icons/timer-off';
import Unplug from '@lucide/svelte/icons/unplug';
import type { BackupSet, Drive, Execution, Schemas, Tape } from '$lib/api/types';

/** The seven things that anything can be: each has a colour, an icon and a word. */
export type Tone = 'good' | 'running' | 'waiting' | 'warning' | 'failed' | 'idle' | 'offline';

export interface State {
	tone: Tone;
	icon: Component;
	word: string;
}

const state = (tone: Tone, icon: Component, word: string): State => ({ tone, icon, word });

const EXECUTION: Record<Schemas['ExecutionStatus'], State> = {
	pending: state('idle', Clock, 'Queued'),
	running: state('running', CirclePlay, 'Running'),
	paused: state('waiting', CirclePause, 'Paused'),
	completed: state('good', CircleCheck, 'Completed'),
	failed: state('failed', CircleX, 'Failed'),
	cancelled: state('idle', Ban, 'Cancelled')
};

/** What a run is doing, and whether it is somebody's turn. */
export function executionState(run: Pick<Execution, 'status' | 'warning_count'> & { tape_change?: unknown }): State {
	if (run.tape_change) return state('waiting', Hand, 'Waiting for you');
	if (run.status === 'completed' && run.warning_count > 0) {
		return state('warning', CircleAlert, 'Completed with warnings');
	}
	return EXECUTION[run.status];
}

export const SET_STATES: Record<Schemas['SetStatus'], State> = {
	pending: state('idle', Clock, 'Queued'),
	running: state('running', CirclePlay, 'Being written'),
	completed: state('good', CircleCheck, 'Complete'),
	failed: state('failed', CircleX, 'Failed'),
	cancelled: state('idle', Ban, 'Cancelled'),
	incomplete: state('warning', CircleAlert, 'Incomplete')
};

export const TAPE_STATES: Record<Schemas['TapeStatus'], State> = {
	blank: state('idle', Circle, 'Blank'),
	active: state('good', Disc, 'Active'),
	full: state('running', DiscFull, 'Full'),
	expired: state('warning', TimerOff, 'Expired'),
	retired: state('failed', Ban, 'Retired'),
	exported: state('offline', Truck, 'Exported')
};

/** A tape that a person has given up, and a set that cannot be restored in full because of one. */
export const LOST: State = state('failed', SearchX, 'Lost');

/** What a tape is: lost before all else, as nothing can be done with it then. */
export function tapeState(tape: Pick<Tape, 'status' | 'lost_at'>): State {
	return tape.lost_at ? LOST : TAPE_STATES[tape.status];
}

/** What a set is; a complete one may be lost. */
export function setState(set: Pick<BackupSet, 'status' | 'lost'>): State {
	return set.lost ? LOST : SET_STATES[set.status];
}

/** What a drive is doing. */
export function driveState(drive: Pick<Drive, 'status' | 'enabled' | 'loaded' | 'execution_id'>): State {
	if (!drive.enabled) return state('offline', Ban, 'Switched off');
	if (drive.execution_id !== null && drive.execution_id !== undefined) return state('running', CirclePlay, 'Working');
	switch (drive.status) {
		case 'error':
			return state('failed', CircleX, 'Error');
		case 'offline':
			return state('offline', Unplug, 'Offline');
		case 'busy':
			return state('running', CirclePlay, 'Busy');
		default:
			return drive.loaded ? state('good', CircleCheck, 'Ready') : state('idle', CircleDashed, 'Empty');
	}
}

/** Something that can be switched off. */
export const ENABLED_STATES = { on: state('good', CircleCheck, 'On'), off: state('offline', Ban, 'Switched off') };

export const EVENT_STATES: Record<Schemas['EventType'], State> = {
	info: state('idle', Info, 'Note'),
	success: state('good', CircleCheck, 'Done'),
	warning: state('warning', CircleAlert, 'Warning'),
	error: state('failed', CircleX, 'Error')
};

export const ALERT_STATES: Record<Schemas['Severity'], State> = {
	info: state('idle', Info, 'Note'),
	warning: state('warning', CircleAlert, 'Warning'),
	critical: state('failed', CircleX, 'Critical')
};

export const RESTORE_STATES: Record<Schemas['RestoreStatus'], State> = {
	pending: EXECUTION.pending,
	running: EXECUTION.running,
	completed: EXECUTION.completed,
	failed: EXECUTION.failed
};

/** What the newest backup does not have any more. */
export const GONE: State = state('warning', TimerOff, 'Deleted since');

/** What is wrong with the age of a backup. */
export const AGE_STATES = {
	never: state('failed', CircleX, 'Never backed up'),
	old: state('warning', Clock, 'Long ago')
} satisfies Record<string, State>;
