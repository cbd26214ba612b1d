import type { Browser, Request } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, Tab } from './support/browser';
import { fill } from './support/many';
import { Rest, until } from './support/rest';
import { ADMIN, TestServer } from './support/server';

/** TAPES=100000 RUNS=20000 FILES=500 is a house of a century and takes minutes; so many by themselves say enough. */
const number = (name: string, otherwise: number) => Number(process.env[name] ?? otherwise);
const MANY = { tapes: number('TAPES', 20_000), jobs: number('JOBS', 100), runs: number('RUNS', 4000), files: number('FILES', 25) };
/** Of what the server answers to the questions of one page, not compressed. */
const MOST_BYTES = 1_000_000;
/** From the address to a page on which nothing is loading; leaves room for a machine with other work. */
const MOST_MS = 5000;

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
	server = await TestServer.start();
	const rest = await Rest.setUp(server);
	await rest.addLibrary(server.library('library', { slots: 200, cartridges: 150 }), 'Library');
	await server.stop(true);
	fill(server, MANY);
	server = await server.restarted();
	browser = await openBrowser();
	const again = await rest.again();
	await until('all names to be found', async () => {
		const found = await again.api.GET('/api/v1/catalog/find', { params: { query: { q: `folder-${MANY.runs}/`, limit: 1 } } });
		return (found.data?.hits.length ?? 0) > 0 ? true : undefined;
	}, 1_800_000);
}, 2_400_000);
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

const PAGES = [
	...['/', '/library', '/drives', '/tapes', '/tapes?q=T0100', '/tapes?sort=-written', '/tapes/77', '/pools', '/pools/1'],
	...['/sources', '/sources/7', '/jobs', '/jobs/7', '/runs', '/runs?status=failed', '/runs/77', '/coverage'],
	...['/restore', '/restore?job=7&path=year-2008', '/restore?q=document-0000', '/restore?view=history', '/keys', '/events', '/audit', '/database', '/start']
];

it('no page loads everything, and none keeps one waiting', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/about');
	const lines: string[] = [];
	const wrong: string[] = [];
	for (const path of PAGES) {
		const asked = new Map<Request, number>();
		const answers: { question: string; bytes: number; ms: number }[] = [];
		const words = (request: Request) => request.url().replace(`${server.url}/api/v1/`, '');
		const isQuestion = (request: Request) => request.url().startsWith(`${server.url}/api/v1/`) && !request.url().includes('/stream');
		const ask = (request: Request) => void (isQuestion(request) && asked.set(request, performance.now()));
		const hear = async (request: Request) => {
			const begun = asked.get(request);
			if (begun === undefined) return;
			const ms = performance.now() - begun;
			asked.delete(request);
			const body = await request.response().then((response) => response?.body()).catch(() => undefined);
			answers.push({ question: words(request), bytes: body?.length ?? 0, ms });
		};
		tab.page.on('request', ask);
		tab.page.on('requestfinished', hear);
		const begun = performance.now();
		await tab.goto(path).catch(() => wrong.push(`${path} goes on loading: ${[...asked.keys()].map(words).join(', ')}`));
		const ms = Math.round(performance.now() - begun);
		tab.page.off('request', ask);
		tab.page.off('requestfinished', hear);
		const bytes = answers.reduce((sum, answer) => sum + answer.bytes, 0);
		const slowest = answers.toSorted((a, b) => b.ms - a.ms)[0];
		const largest = answers.toSorted((a, b) => b.bytes - a.bytes)[0];
		lines.push(`${path.padEnd(36)} ${String(ms).padStart(6)} ms ${String(Math.round(bytes / 1000)).padStart(6)} kB   slowest ${Math.round(slowest?.ms ?? 0)} ms ${slowest?.question}; largest ${Math.round((largest?.bytes ?? 0) / 1000)} kB ${largest?.question}`);
		if (bytes > MOST_BYTES) wrong.push(`${path} loads ${bytes} bytes`);
		if (ms > MOST_MS) wrong.push(`${path} takes ${ms} ms`);
	}
	console.log(`${JSON.stringify(MANY)}\n${lines.join('\n')}`);
	expect(wrong).toEqual([]);
	await tab.close();
}, 600_000);

it('a list of many tapes is scrolled to its end, and only what is seen is asked for', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/tapes');
	let asked = 0;
	tab.page.on('request', (request) => (asked += new URL(request.url()).pathname === '/api/v1/tapes' ? 1 : 0));
	await tab.page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
	await tab.page.getByText(`T${String(MANY.tapes).padStart(5, '0')}L9`).first().waitFor();
	expect(await tab.page.locator('tbody tr.row').count()).toBeLessThan(100);
	expect(asked).toBeLessThan(10);
	// And it goes on: a list that measures itself over and over answers nothing any more.
	await tab.page.evaluate(() => scrollTo(0, 0));
	await tab.page.getByText('T00001L9').first().waitFor();
	await tab.close();
});
