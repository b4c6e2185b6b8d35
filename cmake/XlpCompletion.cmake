# Completion files come out of the tools themselves; see tools/common/completion.h.
function(xlp_completion tool)
    if(CMAKE_CROSSCOMPILING)
        return()
    endif()
    set(folder ${CMAKE_BINARY_DIR}/completion)
    add_custom_command(TARGET ${tool} POST_BUILD
        COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
        COMMAND ${tool} --completion bash > ${folder}/${tool}.bash
        COMMAND ${tool} --completion zsh > ${folder}/_${tool}
        VERBATIM)
    install(FILES ${folder}/${tool}.bash RENAME ${tool}
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
    install(FILES ${folder}/_${tool} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endfunction()
