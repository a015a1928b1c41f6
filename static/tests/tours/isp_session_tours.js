import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("isp_timeline", {
    steps: () => [
        {
            content: "the line says that it is online",
            trigger: "button[name='action_view_sessions']:contains('Online')",
        },
        {
            trigger: "button[name='action_view_timeline']",
            run: "click",
        },
        {
            content: "the story is told, with its payment",
            trigger: ".o_list_view .o_data_row:contains('Payment')",
        },
        {
            trigger: ".o_list_view .o_data_row:contains('Session began')",
        },
        {
            content: "it can be printed, whatever is chosen",
            trigger: ".o_control_panel button[name='action_print']",
        },
        {
            content: "what was paid is shown to the back office",
            trigger: ".o_data_row:contains('pays') .o_data_cell[name='amount']:contains('100.00')",
        },
        {
            content: "only sessions",
            trigger: ".o_searchview_dropdown_toggler",
            run: "click",
        },
        {
            trigger: ".o_filter_menu .o-dropdown-item:contains('Sessions')",
            run: "click",
        },
        {
            trigger: ".o_list_view:not(:has(.o_data_row:contains('Payment'))) .o_data_row:contains('Session began')",
        },
        {
            content: "a row opens what it tells of",
            trigger: ".o_data_row:contains('Session began') .o_data_cell[name='name']",
            run: "click",
        },
        {
            trigger: ".o_form_view .o_field_widget[name='address']:contains('10.0.0.7')",
        },
        {
            content: "back to the line",
            trigger: ".o_breadcrumb .o_back_button, .breadcrumb-item:first-child a",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row",
        },
    ],
});

registry.category("web_tour.tours").add("isp_usage", {
    steps: () => [
        {
            trigger: ".o_notebook .nav-link[name='sessions']",
            run: "click",
        },
        {
            content: "what is open is said in words",
            trigger: ".o_field_widget[name='online_text']:contains('10.0.0.7')",
        },
        {
            trigger: "button[name='action_view_usage']",
            run: "click",
        },
        {
            content: "the bars of the days are drawn",
            trigger: ".o_graph_view canvas",
        },
        {
            trigger: ".o_switch_view.o_pivot",
            run: "click",
        },
        {
            trigger: ".o_pivot_view td:contains('3.00')",
        },
    ],
});
