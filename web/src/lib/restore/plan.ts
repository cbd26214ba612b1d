import { api, fetched } from '$lib/api/client';
import type { Schemas } from '$lib/api/types';
import { asPaths } from './selection';
import type { Chosen } from './selection.svelte';

export type Plan = Schemas['PlanView'];
export type RestoreBody = Schemas['RestoreBody'];

/** What a person has decided about a restore besides what is restored. */
export interface Choices {
	dest_path: string;
	destination_type: string;
	policy: string;
	verify: boolean;
	only_this_set: boolean;
	drive_id: number | null;
}

/** The request for what is ticked of a state. */
export function body(state: Chosen, choices: Choices): RestoreBody {
	return {
		backup_set_id: state.set_id,
		...asPaths(state.decisions),
		dest_path: choices.dest_path.trim(),
		destination_type: choices.destination_type as NonNullable<RestoreBody['destination_type']>,
		policy: choices.policy as NonNullable<RestoreBody['policy']>,
		verify: choices.verify,
		only_this_set: choices.only_this_set || state.incomplete,
		drive_id: choices.drive_id
	};
}

/** Plans each state. */
export function plans(states: Chosen[], choices: Choices): Promise<{ state: Chosen; plan: Plan }[]> {
	return Promise.all(
		states.map(async (state) => {
			const { dest_path: _, ...wanted } = body(state, choices);
			return { state, plan: await fetched(api.POST('/api/v1/restore/plan', { body: wanted })) };
		})
	);
}

/** Starts the restore of a state; the number of its execution. */
export async function start(state: Chosen, choices: Choices): Promise<number> {
	const { data } = await api.POST('/api/v1/restore/run', { body: body(state, choices), params: { query: { wait: false } } });
	const id = (data as { execution_id?: number } | undefined)?.execution_id;
	if (id === undefined) throw new Error('the server did not say which run restores it; see Runs');
	return id;
}

/** Seconds of all tapes of a plan; none if that of one is not known. */
export function seconds(plan: Plan): number | null {
	let sum = 0;
	for (const tape of plan.required_tapes) {
		if (tape.estimated_seconds === null || tape.estimated_seconds === undefined) return null;
		sum += tape.estimated_seconds;
	}
	return sum;
}

/** Whether somebody has to bring a tape. */
export function isAway(tape: Schemas['RequiredTape']): boolean {
	return tape.place.kind === 'shelf' || tape.place.kind === 'offsite';
}

/** What is wrong with a destination, before the server is asked. */
export function destinationProblem(path: string): string | undefined {
	const text = path.trim();
	if (!text) return undefined;
	if (!text.startsWith('/')) return 'A path on the server from the root: /srv/restored';
	if (text.split('/').includes('..')) return 'Without “..”, so that it is clear where files go.';
	return undefined;
}
