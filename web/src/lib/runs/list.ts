import { api } from '$lib/api/client';
import type { Execution } from '$lib/api/types';
import { runQuery, type RunQuestion } from './question';

/** One page of runs, and how many fit in all. */
export async function runsPage(wanted: RunQuestion, offset: number, limit: number): Promise<{ rows: Execution[]; total: number }> {
	const query = { ...runQuery(wanted, new Date()), offset, limit };
	const { data, response } = await api.GET('/api/v1/executions', { params: { query } });
	const rows = data ?? [];
	return { rows, total: Number(response.headers.get('x-total-count') ?? offset + rows.length) };
}
