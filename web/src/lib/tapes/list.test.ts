import { beforeEach, expect, it, vi } from 'vitest';

/** The questions that were asked, and what is answered to each. */
const server = vi.hoisted(() => {
	const asked: URL[] = [];
	const answer: { rows: unknown[]; headers: Record<string, string> } = { rows: [], headers: {} };
	class FromHere extends Request {
		constructor(url: string | Request, init?: RequestInit) {
			super(typeof url === 'string' ? new URL(url, 'http://server') : url, init);
		}
	}
	vi.stubGlobal('Request', FromHere);
	vi.stubGlobal('fetch', (request: Request) => {
		asked.push(new URL(request.url));
		return Promise.resolve(Response.json(answer.rows, { headers: answer.headers }));
	});
	vi.stubGlobal('addEventListener', () => {});
	vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => {} });
	return { asked, answer };
});
const { LOST_ONES, MOST_OFFERED, tapesPage, writableTapes } = await import('./list');

beforeEach(() => {
	server.asked.length = 0;
});

it('asks for one page, by what is chosen, and hears how many there are', async () => {
	server.answer.rows = [{ id: 1 }];
	server.answer.headers = { 'x-total-count': '100000' };
	const page = await tapesPage({ q: 'A0', status: 'full', pool: '3', sort: '-used' }, 200, 100);
	expect(page).toEqual({ rows: [{ id: 1 }], total: 100_000 });
	expect(Object.fromEntries(server.asked[0]?.searchParams ?? [])).toEqual({ q: 'A0', status: 'full', pool_id: '3', sort: '-used', offset: '200', limit: '100' });
	await tapesPage({ q: '', status: '', pool: '', sort: '' }, 0, 100);
	expect(Object.fromEntries(server.asked[1]?.searchParams ?? [])).toEqual({ offset: '0', limit: '100' });
});

it('asks for lost tapes by themselves, because being lost is beside the state', async () => {
	await tapesPage({ q: '', status: LOST_ONES, pool: '3', sort: '' }, 0, 100);
	expect(Object.fromEntries(server.asked[0]?.searchParams ?? [])).toEqual({ lost: 'true', pool_id: '3', offset: '0', limit: '100' });
});

it('offers to write no tape that is on hold or lost, and never all of a large pool', async () => {
	server.answer.rows = [{ id: 1 }, { id: 2, hold_reason: 'media error' }, { id: 3, lost_at: '2026-11-21T12:00:00Z' }];
	expect((await writableTapes(3, ['active', 'blank'])).map((tape) => tape.id)).toEqual([1]);
	expect(Object.fromEntries(server.asked[0]?.searchParams ?? [])).toMatchObject({ pool_id: '3', status: 'active,blank', limit: String(MOST_OFFERED) });
});
