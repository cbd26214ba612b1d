import { api } from '$lib/api/client';
import type { Tape } from '$lib/api/types';

interface TapeQuestion {
	q: string;
	status: string;
	pool: string;
	sort: string;
}

/** One page of tapes, and how many fit in all. */
export async function tapesPage(wanted: TapeQuestion, offset: number, limit: number): Promise<{ rows: Tape[]; total: number }> {
	const query = {
		...(wanted.q ? { q: wanted.q } : {}),
		...(wanted.status ? { status: wanted.status } : {}),
		...(wanted.pool ? { pool_id: Number(wanted.pool) } : {}),
		...(wanted.sort ? { sort: wanted.sort } : {}),
		offset,
		limit
	};
	const { data, response } = await api.GET('/api/v1/tapes', { params: { query } });
	const rows = data ?? [];
	return { rows, total: Number(response.headers.get('x-total-count') ?? offset + rows.length) };
}
