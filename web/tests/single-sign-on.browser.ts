import { createServer } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, Tab } from './support/browser';
import { TestProvider } from './support/provider';
import { ADMIN, TestServer } from './support/server';

let provider: TestProvider;
let server: TestServer;
let browser: Browser;

beforeAll(async () => {
	provider = await TestProvider.start();
	const port = await freePort();
	server = await TestServer.start(port, {
		TAPEBACKARR_OIDC__ISSUER: provider.url,
		TAPEBACKARR_OIDC__PUBLIC_URL: `http://127.0.0.1:${port}`,
		TAPEBACKARR_OIDC__CLIENT_ID: 'tapes',
		TAPEBACKARR_OIDC__DISPLAY_NAME: 'House ID',
		TAPEBACKARR_OIDC__OPERATOR_VALUES: 'tape-operators'
	});
	const body = JSON.stringify({ token: server.setUpToken, ...ADMIN });
	await fetch(`${server.url}/api/v1/auth/setup`, { method: 'POST', body });
	browser = await openBrowser();
});
afterAll(async () => {
	await browser?.close();
	await server?.stop();
	await provider?.stop();
});

describe('a login at the provider, which is another site', () => {
	it('leads there and back to the page that was wanted, logged in', async () => {
		const tab = await Tab.open(browser, server);
		await tab.page.goto('/pools');
		await tab.page.getByRole('link', { name: 'Log in with House ID' }).waitFor();
		expect(await tab.accessibilityProblems()).toEqual([]);
		await tab.page.getByRole('link', { name: 'Log in with House ID' }).click();
		await tab.page.getByRole('heading', { name: 'Provider' }).waitFor();
		await tab.page.getByRole('link', { name: 'Yes' }).click();
		await tab.page.getByRole('heading', { name: 'Pools', level: 1 }).waitFor();
		const [cookie, ...others] = await tab.page.context().cookies(`${server.url}/api/v1/auth/oidc`);
		expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/api' });
		expect(others).toEqual([]);
		await tab.page.getByRole('button', { name: 'Account and theme' }).click();
		await tab.page.getByText('ann').waitFor();
		expect(await tab.page.getByRole('menuitem', { name: 'Change password' }).count()).toBe(0);
		await leave(tab);
	});

	it('says in plain words why it came to nothing, and repeats nothing from the address', async () => {
		const tab = await Tab.open(browser, server);
		await tab.page.goto('/login');
		await tab.page.getByRole('link', { name: 'Log in with House ID' }).click();
		await tab.page.getByRole('link', { name: 'No' }).click();
		await tab.page.getByRole('alert').getByText('you said no there').waitFor();
		await tab.page.goto('/login?refused=%3Cimg%20src%3Dx%3ECall%20555');
		await tab.page.getByRole('alert').getByText('came to nothing').waitFor();
		expect(await tab.page.content()).not.toContain('Call 555');
		await leave(tab);
	});

	it('shows who comes from there, and offers no password for them', async () => {
		const tab = await Tab.open(browser, server);
		await tab.logIn(ADMIN);
		await tab.goto('/users');
		await tab.page.getByRole('row', { name: 'ann' }).getByText('provider', { exact: true }).waitFor();
		expect(await tab.accessibilityProblems()).toEqual([]);
		await tab.page.getByRole('button', { name: 'Actions for ann' }).click();
		await tab.page.getByRole('menuitem', { name: 'Unlink from the provider' }).waitFor();
		expect(await tab.page.getByRole('menuitem', { name: 'Set a new password' }).count()).toBe(0);
		await tab.page.getByRole('menuitem', { name: 'Disable' }).click();
		await tab.page.getByText('User disabled').first().waitFor();
		await leave(tab);

		const out = await Tab.open(browser, server);
		await out.page.goto('/login');
		await out.page.getByRole('link', { name: 'Log in with House ID' }).click();
		await out.page.getByRole('link', { name: 'Yes' }).click();
		await out.page.getByRole('alert').getByText('You were disabled').waitFor();
		await leave(out);
	});
});

/** Going to the provider is what this is about; to nobody else. */
async function leave(tab: Tab): Promise<void> {
	const others = tab.problems.filter((problem) => !problem.includes(provider.url));
	tab.problems.splice(0, tab.problems.length, ...others);
	await tab.close();
}

async function freePort(): Promise<number> {
	const probe = createServer();
	await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
	const address = probe.address();
	await new Promise((resolve) => probe.close(resolve));
	return typeof address === 'object' && address ? address.port : 0;
}
