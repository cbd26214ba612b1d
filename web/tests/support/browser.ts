import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults, RunOptions } from 'axe-core';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { until } from './rest';
import type { TestServer } from './server';

const FLAGS = [
	'--headless',
	'--no-sandbox',
	'--disable-gpu',
	'--disable-quic',
	'--no-first-run',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync'
];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
export const PHONE: BrowserContextOptions = {
	viewport: { width: 390, height: 844 },
	deviceScaleFactor: 2,
	isMobile: true,
	hasTouch: true
};

export async function openBrowser(): Promise<Browser> {
	const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
	if (!existsSync(executablePath)) throw new Error(`there is no browser at ${executablePath}: run make install-deps`);
	return chromium.launch({ executablePath, args: FLAGS });
}

/** A page that remembers what must not happen: errors in the console, and requests to other hosts. */
export class Tab {
	readonly problems: string[] = [];

	private constructor(
		readonly page: Page,
		readonly server: TestServer
	) {
		page.on('console', (message) => {
			// The browser reports every answer that is not a success; those are what some tests ask for.
			const expected = message.text().startsWith('Failed to load resource');
			if (message.type() === 'error' && !expected) this.problems.push(`console: ${message.text()}`);
		});
		page.on('pageerror', (error) => this.problems.push(`uncaught on ${new URL(page.url()).pathname}: ${error.message}`));
		page.on('request', (request) => {
			const url = new URL(request.url());
			const ours = url.origin === new URL(server.url).origin || url.protocol === 'data:' || url.protocol === 'blob:';
			if (!ours) this.problems.push(`request to another host: ${request.url()}`);
		});
	}

	static async open(browser: Browser, server: TestServer, options: BrowserContextOptions = {}): Promise<Tab> {
		const context = await browser.newContext({
			baseURL: server.url,
			viewport: { width: 1440, height: 900 },
			locale: 'en-GB',
			timezoneId: 'Europe/Berlin',
			...options
		});
		context.setDefaultTimeout(15_000);
		return new Tab(await context.newPage(), server);
	}

	/** Through the door, as a person. */
	async logIn(login: { username: string; password: string }): Promise<void> {
		await this.page.goto('/login');
		await this.page.getByLabel('User name').fill(login.username);
		await this.page.getByLabel('Password').fill(login.password);
		await this.page.getByRole('button', { name: 'Log in' }).click();
		await this.page.getByRole('navigation', { name: 'Pages' }).or(this.page.getByLabel('Open navigation')).first().waitFor();
	}

	/** The login of this browser, for requests beside it. */
	async token(): Promise<string> {
		const cookies = await this.page.context().cookies(`${this.server.url}/api`);
		const found = cookies.find((cookie) => cookie.name.startsWith('tapebackarr_'));
		if (!found) throw new Error('nobody is logged in here');
		return found.value;
	}

	/** Opens a page and waits until nothing on it is loading. */
	async goto(path: string): Promise<void> {
		await this.page.goto(path);
		await this.settled();
	}

	async settled(): Promise<void> {
		await this.page.locator('h1').first().waitFor();
		await until('nothing to be loading', async () => ((await this.page.getByText('Loading…').count()) === 0 ? true : undefined), 15_000);
		await this.stands();
	}

	/** Waits for what appears by an animation: half faded in, it has the contrast of half of its colour. */
	private async stands(): Promise<void> {
		await this.page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect?.getComputedTiming().iterations !== Infinity).map((a) => a.finished.catch(() => undefined))));
	}

	/** What axe finds wrong with the page as it is now, in words; only these rules if any are named. */
	async accessibilityProblems(rules: string[] = []): Promise<string[]> {
		await this.stands();
		if (!(await this.page.evaluate(() => 'axe' in window))) await this.page.evaluate(AXE);
		const results = await this.page.evaluate(async (only) => {
			const { axe } = window as unknown as { axe: { run(options: RunOptions): Promise<AxeResults> } };
			return axe.run({ resultTypes: ['violations'], ...(only.length > 0 ? { runOnly: only } : {}) });
		}, rules);
		return results.violations.flatMap((violation) =>
			violation.nodes.map((node) => `${violation.id} (${violation.impact}): ${node.target.join(' ')}: ${violation.help}`)
		);
	}

	/** What is wider than the window, and by how much; nothing if all fits. */
	async overflow(): Promise<string[]> {
		return this.page.evaluate(() => {
			const width = document.documentElement.clientWidth;
			if (document.documentElement.scrollWidth <= innerWidth) return [];
			const wide = [...document.querySelectorAll('body *')].filter((element) => element.getBoundingClientRect().right > width + 1);
			return [`wider than the window: ${wide.slice(-3).map((element) => `<${element.localName} class="${element.className}">`).join(', ')}`];
		});
	}

	/** What must hold on every page. */
	async problemsOfPage(): Promise<string[]> {
		const headings = await this.page.getByRole('heading', { level: 1 }).count();
		return [
			...(headings === 1 ? [] : [`${headings} headings of the first level`]),
			...(await this.overflow()),
			...(await this.accessibilityProblems())
		];
	}

	async close(): Promise<void> {
		await this.page.context().close();
		expect(this.problems, 'nothing goes wrong behind the page').toEqual([]);
	}
}
