import Ban from '@lucide/svelte/icons/ban';
import CircleAlert from '@lucide/svelte/icons/circle-alert';
import CircleCheck from '@lucide/svelte/icons/circle-check';
import CirclePlay from '@lucide/svelte/icons/circle-play';
import CircleX from '@lucide/svelte/icons/circle-x';
import Clock from '@lucide/svelte/icons/clock';
import Layers from '@lucide/svelte/icons/layers-2';
import Moon from '@lucide/svelte/icons/moon';
import RotateCw from '@lucide/svelte/icons/rotate-cw';
import type { Schemas } from '$lib/api/types';
import type { State } from '$lib/components/states';

export type Message = Schemas['OutboxMessage'];
type Status = Schemas['OutboxStatus'];

const STATES: Record<Status, State> = {
	held: { tone: 'idle', icon: Moon, word: 'Held' },
	queued: { tone: 'idle', icon: Clock, word: 'Waiting' },
	sending: { tone: 'running', icon: CirclePlay, word: 'Being sent' },
	sent: { tone: 'good', icon: CircleCheck, word: 'Sent' },
	failed: { tone: 'failed', icon: CircleX, word: 'Given up' },
	discarded: { tone: 'offline', icon: Ban, word: 'Discarded' },
	merged: { tone: 'offline', icon: Layers, word: 'In a digest' }
};

/** Where a message is in its life: one that failed and is tried again is another thing than one that has not been tried. */
export function messageState(message: Pick<Message, 'status' | 'attempts' | 'last_error'>): State {
	if (message.status === 'queued' && message.last_error) return { tone: 'warning', icon: RotateCw, word: 'Trying again' };
	return STATES[message.status];
}

export const WEIGHT_STATES: Record<Schemas['Weight'], State> = {
	info: { tone: 'idle', icon: CircleCheck, word: 'Information' },
	warning: { tone: 'warning', icon: CircleAlert, word: 'Warning' },
	error: { tone: 'failed', icon: CircleX, word: 'Error' }
};

/** Filters of the outbox: name, words, and the states they stand for. */
export const VIEWS: [string, string, Status[]][] = [
	['', 'All', []],
	['waiting', 'Waiting', ['held', 'queued', 'sending']],
	['failed', 'Given up', ['failed']],
	['sent', 'Sent', ['sent']],
	['over', 'Discarded', ['discarded', 'merged']]
];

/** How many messages a view has. */
export function countOf(counts: readonly Schemas['StatusCount'][], states: readonly Status[]): number {
	return counts.filter((one) => states.length === 0 || states.includes(one.status)).reduce((sum, one) => sum + one.count, 0);
}

/** Whether a person can have it tried now. */
export function canRetry(message: Pick<Message, 'status'>): boolean {
	return ['held', 'queued', 'failed', 'discarded'].includes(message.status);
}

/** Whether a person can take it out. */
export function canDiscard(message: Pick<Message, 'status'>): boolean {
	return ['held', 'queued', 'failed'].includes(message.status);
}

/** The text of a message: what its notice says. */
export function textOf(message: Pick<Message, 'notice'>): string {
	const text = (message.notice as Record<string, unknown> | null)?.message;
	return typeof text === 'string' ? text : '';
}

/** The page of the interface that a message leads to, whatever address the server was told to have. */
export function linkOf(message: Pick<Message, 'notice'>): string | undefined {
	const details = (message.notice as { details?: Record<string, unknown> } | null)?.details;
	for (const [name, path] of [['execution_id', 'runs'], ['tape_id', 'tapes'], ['drive_id', 'drives'], ['job_id', 'jobs']] as const) {
		const id = details?.[name];
		if (typeof id === 'number' && Number.isInteger(id)) return `/${path}/${id}`;
	}
	return undefined;
}
