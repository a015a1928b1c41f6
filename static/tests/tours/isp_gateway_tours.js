import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("isp_take_control", {
    url: "/odoo/isp-gateways",
    steps: () => [
        {
            content: "open the gateway that is only watched",
            trigger: ".o_data_cell:contains('New tower')",
            run: "click",
        },
        {
            content: "it says that nothing is written yet",
            trigger: ".alert-warning:contains('only watched')",
        },
        {
            content: "ask what would change",
            trigger: ".o_form_statusbar button[name='action_dry_run']",
            run: "click",
        },
        {
            content: "the question is on the screen, with its progress",
            trigger:
                ".alert-info:has([name='running_progress']):contains('List of what would change')",
        },
        {
            content: "the list asked for before is there already",
            trigger: ".o_form_statusbar button[name='action_take_control']",
            run: "click",
        },
        {
            content: "the numbers come first",
            trigger: ".modal .alert-warning:contains('Will cut 1, open 1, change the speed of 0')",
        },
        {
            content: "who is cut, by name",
            trigger: ".modal .o_data_cell:contains('tour.unpaid')",
        },
        {
            content: "who is opened",
            trigger: ".modal .nav-link:contains('Open')",
            run: "click",
        },
        {
            trigger: ".modal .o_data_cell:contains('tour.paid')",
        },
        {
            content: "take control",
            trigger: ".modal button[name='action_confirm']",
            run: "click",
        },
        {
            content: "the gateway is in control",
            trigger:
                "body:not(:has(.modal)) .o_form_statusbar button[name='action_watch_only']",
        },
    ],
});

registry.category("web_tour.tours").add("isp_leaks", {
    url: "/odoo/isp",
    steps: () => [
        {
            trigger: ".o_menu_sections [data-menu-xmlid='mybizna_isp.isp_network_menu']",
            run: "click",
        },
        {
            trigger:
                ".o-dropdown--menu [data-menu-xmlid='mybizna_isp.isp_gateway_leak_menu']",
            run: "click",
        },
        {
            content: "grouped by what leaks, with what it is worth",
            trigger: ".o_group_name:contains('Login no line has')",
            run: "click",
        },
        {
            trigger: ".o_data_cell:contains('tour.unknown')",
            run: "click",
        },
        {
            trigger: ".o_form_statusbar button[name='action_ignore']",
            run: "click",
        },
        {
            trigger: ".o_form_statusbar .o_arrow_button_current:contains('Ignored')",
        },
    ],
});
