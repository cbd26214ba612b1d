import { api, fetched } from '$lib/api/client';
import type { Schemas, Tape } from '$lib/api/types';

/** Among the states of a list: lost tapes, whatever their state was. */
export const LOST_ONES = 'lost';

interface TapeQuestion {
	q: string;
	/** A state of tapes, or {@link LOST_ONES}. */
	status: string;
	pool: string;
	sort: string;
}

/** One page of tapes, and how many fit in all. */
export async function tapesPage(wanted: TapeQuestion, offset: number, limit: number): Promise<{ rows: Tape[]; total: number }> {
	const query = {
		...(wanted.q ? { q: wanted.q } : {}),
		...(wanted.status === LOST_ONES ? { lost: true } : wanted.status ? { status: wanted.status } : {}),
		...(wanted.pool ? { pool_id: Number(wanted.pool) } : {}),
		...(wanted.sort ? { sort: wanted.sort } : {}),
		offset,
		limit
	};
	const { data, response } = await api.GET('/api/v1/tapes', { params: { query } });
	const rows = data ?? [];
	return { rows, total: Number(response.headers.get('x-total-count') ?? offset + rows.length) };
}

/** As many tapes can be picked from a list; a pool may have thousands. */
export const MOST_OFFERED = 200;

/** Tapes of a pool in these states that can be written, begun ones first: to pick one by its name. */
export async function writableTapes(pool_id: number, states: Schemas['TapeStatus'][]): Promise<Tape[]> {
	const query = { pool_id, status: states.join(','), sort: 'status', limit: MOST_OFFERED };
	const tapes = await fetched(api.GET('/api/v1/tapes', { params: { query } }));
	return tapes.filter((tape) => !tape.hold_reason && !tape.lost_at);
}
