# find_package(diffkit): the target diffkit::diffkit, which says where the header is and links libm where that is a
# library of its own.
if(NOT TARGET diffkit::diffkit)
    get_filename_component(PACKAGE_PREFIX_DIR ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)
    add_library(diffkit::diffkit INTERFACE IMPORTED GLOBAL)
    set_target_properties(diffkit::diffkit PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES ${PACKAGE_PREFIX_DIR}/include
        INTERFACE_LINK_LIBRARIES $<$<NOT:$<PLATFORM_ID:Windows>>:m>)
endif()
