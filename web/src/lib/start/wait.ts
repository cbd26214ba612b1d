import { api, fetched } from '$lib/api/client';
import type { Execution } from '$lib/api/types';
import { ApiError } from '$lib/api/errors';

const PAUSE_MS = 500;

/** Waits until an execution has ended; throws what it failed with. */
export async function ended(id: number): Promise<Execution> {
	for (;;) {
		const now = await fetched(api.GET('/api/v1/executions/{id}', { params: { path: { id } } }));
		if (now.status === 'completed') return now;
		if (now.status === 'failed' || now.status === 'cancelled') {
			throw new ApiError(0, now.status, now.error_message || `${now.title} was cancelled`);
		}
		await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
	}
}
