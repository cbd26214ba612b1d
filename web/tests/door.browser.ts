import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, PHONE, Tab } from './support/browser';
import { ADMIN, TestServer } from './support/server';

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
	server = await TestServer.start();
	browser = await openBrowser();
});
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

describe('the door, in the order of a first day', () => {
	it('asks for the set-up token and makes the first administrator', async () => {
		const tab = await Tab.open(browser, server);
		await tab.page.goto('/tapes?q=A00');
		await tab.page.getByRole('heading', { name: 'Welcome' }).waitFor();
		expect(await tab.accessibilityProblems()).toEqual([]);

		await tab.page.getByLabel('Set-up token').fill('not the token');
		await tab.page.getByLabel('User name').fill(ADMIN.username);
		await tab.page.getByLabel('Password').fill('short');
		await tab.page.getByText('At least 8 characters.').waitFor();
		await tab.page.getByLabel('Password').fill(ADMIN.password);
		await tab.page.getByRole('button', { name: 'Set up' }).click();
		await tab.page.getByRole('alert').waitFor();

		await tab.page.getByLabel('Set-up token').fill(server.setUpToken);
		await tab.page.getByRole('button', { name: 'Set up' }).click();
		await tab.page.getByRole('heading', { name: 'Tapes', level: 1 }).waitFor();
		expect(tab.page.url()).toContain('/tapes?q=A00');
		await tab.close();
	});

	it('refuses a wrong password, says so, and leads back after the right one', async () => {
		const tab = await Tab.open(browser, server, PHONE);
		await tab.page.goto('/pools');
		await tab.page.getByLabel('User name').fill(ADMIN.username);
		await tab.page.getByLabel('Password').fill('wrong password');
		await tab.page.getByRole('button', { name: 'Log in' }).click();
		await tab.page.getByRole('alert').getByText('Invalid credentials').waitFor();
		await tab.page.getByLabel('Password').fill(ADMIN.password);
		await tab.page.getByRole('button', { name: 'Log in' }).click();
		await tab.page.getByRole('heading', { name: 'Pools', level: 1 }).waitFor();
		await tab.close();
	});

	it('notices a login that has ended, and goes on where one was', async () => {
		const tab = await Tab.open(browser, server);
		await tab.logIn(ADMIN);
		await tab.goto('/drives');
		const token = await tab.page.evaluate(() => JSON.parse(localStorage.getItem('tapebackarr.session') ?? '{}').token);
		const headers = { authorization: `Bearer ${token}` };
		await fetch(`${server.url}/api/v1/auth/logout`, { method: 'POST', headers });
		await tab.page.reload();
		await tab.page.getByText('Your login has ended').waitFor();
		await tab.page.getByLabel('User name').fill(ADMIN.username);
		await tab.page.getByLabel('Password').fill(ADMIN.password);
		await tab.page.getByRole('button', { name: 'Log in' }).click();
		await tab.page.getByRole('heading', { name: 'Drives', level: 1 }).waitFor();
		await tab.close();
	});

	it('lets one out on all devices, and changes the password', async () => {
		const tab = await Tab.open(browser, server);
		await tab.logIn(ADMIN);
		await tab.page.getByRole('button', { name: 'Account and theme' }).click();
		await tab.page.getByRole('menuitem', { name: 'Change password' }).click();
		await tab.page.getByLabel('Present password').fill('not this one');
		await tab.page.getByLabel('New password', { exact: true }).fill('another password');
		await tab.page.getByLabel('New password again').fill('another password');
		await tab.page.getByRole('button', { name: 'Change password' }).click();
		// A wrong password is no reason to be logged out.
		await tab.page.getByRole('dialog').getByRole('alert').waitFor();
		await tab.page.getByLabel('Present password').fill(ADMIN.password);
		await tab.page.getByRole('button', { name: 'Change password' }).click();
		await tab.page.getByText('All other logins have ended').waitFor();
		await tab.page.getByRole('button', { name: 'Account and theme' }).click();
		await tab.page.getByRole('menuitem', { name: 'Log out' }).click();
		await tab.page.getByRole('heading', { name: 'Log in' }).waitFor();
		await tab.close();
	});
});
