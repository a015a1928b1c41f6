import { registry } from "@web/core/registry";

const menu = (section, item) => [
    {
        content: `open the menu ${section}`,
        trigger: `.o_menu_sections [data-menu-xmlid='mybizna_isp.${section}']`,
        run: "click",
    },
    {
        content: `choose ${item}`,
        trigger: `.o-dropdown--menu [data-menu-xmlid='mybizna_isp.${item}']`,
        run: "click",
    },
];

registry.category("web_tour.tours").add("isp_register_line", {
    url: "/odoo/isp",
    steps: () => [
        {
            content: "Home tells what to do and counts what waits",
            trigger: ".o_isp_home .o_isp_home_counter[data-key='expiring']",
        },
        {
            content: "Home shows the takings to the back office",
            trigger: ".o_isp_home .o_isp_home_takings",
        },
        {
            content: "a counter opens its list",
            trigger: ".o_isp_home_counter[data-key='new']",
            run: "click",
        },
        { trigger: ".o_list_view" },
        ...menu("isp_connections_menu", "isp_connection_menu"),
        {
            content: "the list of all connections, not that of the counter",
            trigger: ".o_breadcrumb:contains(/^Connections/)",
        },
        {
            trigger: ".o_list_button_add",
            run: "click",
        },
        {
            content: "a new client, typed",
            trigger: ".o_form_view .o_field_widget[name='partner_id'] input",
            run: "edit Tour Client",
        },
        {
            trigger: ".o-autocomplete--dropdown-menu .o_m2o_dropdown_option_create a",
            run: "click",
        },
        {
            trigger: ".o_field_widget[name='package_id'] input",
            run: "edit Tour Package",
        },
        {
            trigger: ".o-autocomplete--dropdown-menu a:contains('Tour Package')",
            run: "click",
        },
        {
            trigger: ".o_field_widget[name='username'] input",
            run: "edit tour.client",
        },
        {
            content: "neither contract nor site is asked for, nor a password shown",
            trigger:
                ".o_form_view:not(:has([name='contract_id'], [name='site_id'], [name='password']))",
        },
        {
            trigger: ".o_form_button_save",
            run: "click",
        },
        {
            content: "the account number is there at once",
            trigger: ".o_field_widget[name='account_no']:contains(/[0-9]/)",
        },
        {
            trigger: "[name='status_muted']:contains('set-up not invoiced yet')",
        },
        {
            trigger: "button[name='action_generate_invoice']",
            run: "click",
        },
        {
            content: "the sentence says what is owed, and to which account",
            trigger: "[name='status_muted']:contains('waiting for set-up and first period to be paid, owes')",
        },
        {
            trigger: "button[name='action_view_invoices'] .o_stat_value:contains('1')",
            run: "click",
        },
        {
            content: "the invoice knows the line",
            trigger: ".o_list_view .o_data_row:contains('Tour Client') .o_data_cell",
            run: "click",
        },
        {
            trigger: "button[name='action_isp_view_connections'] .o_stat_value:contains('1')",
            run: "click",
        },
        {
            content: "and leads back to it",
            trigger: ".o_field_widget[name='username'] input:value('tour.client')",
        },
    ],
});

registry.category("web_tour.tours").add("isp_access_list", {
    url: "/odoo/isp",
    steps: () => [
        {
            content: "a technician's Home has no takings",
            trigger: ".o_isp_home:not(:has(.o_isp_home_takings))",
        },
        ...menu("isp_network_menu", "isp_access_menu"),
        {
            content: "Access on Routers opens",
            trigger: ".o_breadcrumb:contains('Access on Routers')",
        },
        { trigger: ".o_list_view" },
        ...menu("isp_connections_menu", "isp_connection_menu"),
        {
            trigger: ".o_data_row:contains('tour.seen') .o_data_cell[name='partner_id']",
            run: "click",
        },
        {
            content: "the password is dots, for the network group",
            trigger: ".o_field_widget[name='password'] input[type='password']",
        },
        {
            content: "no invoices for a technician",
            trigger: ".o_form_view:not(:has([name='action_view_invoices']))",
        },
    ],
});
