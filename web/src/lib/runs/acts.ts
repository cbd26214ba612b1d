import { api } from '$lib/api/client';
import { attempt, toasts } from '$lib/state/toasts.svelte';

/** Lets a run wait at the next safe place. */
export async function pause(id: number): Promise<void> {
	await attempt('The run was not paused', async () => {
		await api.POST('/api/v1/executions/{id}/pause', { params: { path: { id } } });
		toasts.good('Pausing', 'It stops at the next safe place and keeps its drive.');
	});
}

export async function resume(id: number): Promise<void> {
	await attempt('The run does not go on', () => api.POST('/api/v1/executions/{id}/resume', { params: { path: { id } } }));
}

/** Ends a run; an error is thrown, for the one who asked to be sure. */
export async function cancel(id: number): Promise<void> {
	await api.POST('/api/v1/executions/{id}/cancel', { params: { path: { id } } });
}
