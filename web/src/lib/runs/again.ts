import { api } from '$lib/api/client';
import type { ExecutionDetail, Schemas } from '$lib/api/types';

/** Something that can be done with a run that has ended: begin it again. */
export interface Again {
	/** On the button. */
	action: string;
	/** Starts it; the run that was started. */
	start: () => Promise<number | undefined>;
}

type Started = { data?: unknown };

function started({ data }: Started): number | undefined {
	const id = (data as { execution_id?: unknown } | undefined)?.execution_id;
	return typeof id === 'number' ? id : undefined;
}

/** How a run that has ended is begun again, the way that saves most first; none where that makes no sense. */
export function again(run: ExecutionDetail): Again[] {
	const request = run.request as Record<string, unknown>;
	const { job_id: job } = run;
	if (run.kind === 'backup' && typeof job === 'number') {
		const params = { path: { id: job } };
		const anew: Again = { action: 'Run again', start: async () => started(await api.POST('/api/v1/jobs/{id}/run', { params, body: { use_pool: true } })) };
		if (run.status !== 'failed' || !run.can_resume) return [anew];
		const retry = (from_scratch: boolean) => async () => started(await api.POST('/api/v1/jobs/{id}/retry', { params, body: { use_pool: true, from_scratch } }));
		return [
			{ action: 'Go on where it stopped', start: retry(false) },
			{ action: 'Begin anew', start: retry(true) }
		];
	}
	const one = (start: () => Promise<Started>): Again[] => [{ action: 'Run again', start: async () => started(await start()) }];
	switch (run.kind) {
		case 'restore':
			// A moment is stored without its zone, which is UTC.
			return one(() => api.POST('/api/v1/restore/run', { body: { ...request, ...(typeof request.as_of === 'string' ? { as_of: `${request.as_of}Z` } : {}) } as Schemas['RestoreBody'] }));
		case 'verify': {
			const sets = request.set_ids;
			if (!Array.isArray(sets) || sets.length !== 1) return [];
			return one(() => api.POST('/api/v1/backup-sets/{id}/verify', { params: { path: { id: Number(sets[0]) } }, body: {} }));
		}
		case 'scrub':
			if (Array.isArray(request.tape_ids) && request.tape_ids.length > 0) return [];
			return one(() => api.POST('/api/v1/scrub', { body: request as Schemas['ScrubBody'] }));
		case 'drill':
			return one(() => api.POST('/api/v1/drills', { body: request as Schemas['DrillBody'] }));
		case 'maintenance':
			return one(() => api.POST('/api/v1/maintenance/run', { body: request as Schemas['RunMaintenanceBody'] }));
		default:
			return [];
	}
}
